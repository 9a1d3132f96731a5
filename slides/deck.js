// The deck: reveal.js turns the slides. A live piece starts when its slide is near; on paper, that
// is at index.html?print-pdf, it stays its words.

const paper = location.search.includes("print-pdf");

// Inside a live piece the keys are the piece's, but for those of a presenter; Escape leaves it.
function ours({ key, target }) {
  if (!target.closest?.("[data-live]") || /^Page/.test(key)) return true;
  if (key === "Escape") document.activeElement.blur();
  return false;
}

for (const piece of document.querySelectorAll("[data-live]")) {
  piece.dataset.preventSwipe = "";
  if (paper) delete piece.dataset.live;
}
if (paper) document.documentElement.dataset.theme = "light";
Reveal.initialize({
  plugins: [RevealNotes], hash: true, scrollActivationWidth: null,
  disableLayout: !paper, width: 1280, height: 720, margin: 0, center: false, pdfMaxPagesPerSlide: 1,
  transition: "none", backgroundTransition: "none", slideNumber: "c/t", keyboardCondition: ours,
}).then(() => {
  const root = document.documentElement;
  Reveal.getRevealElement().removeAttribute("role"); // "application" hides text from screen readers
  Reveal.addKeyBinding({ keyCode: 81, key: "Q", description: "Show the question on the slide" },
    () => root.classList.toggle("with-notes"));
  Reveal.addKeyBinding({ keyCode: 84, key: "T", description: "Light or dark" },
    () => { root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark"; });
});
