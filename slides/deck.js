// The deck: reveal.js turns the slides, and a live piece starts when its slide is shown.

const loading = {};
const load = (src) => loading[src] ??= new Promise((resolve, reject) => document.head.append(
  Object.assign(document.createElement("script"), { src, onload: resolve, onerror: reject })));

function start({ currentSlide }) {
  const piece = currentSlide.querySelector("[data-live]:not([data-started])");
  if (!piece) return;
  piece.dataset.started = "";
  const { model } = piece.dataset;
  Promise.all([load("../_static/live.js"), model && load(`../models/${model}.js`)]).then(
    () => globalThis.startLive(piece),
    () => { piece.textContent = "This part of the slide could not be loaded."; });
}

// Inside a live piece the keys are the piece's, but for those of a presenter; Escape leaves it.
function ours({ key, target }) {
  if (!target.closest?.("[data-live]") || /^Page/.test(key)) return true;
  if (key === "Escape") document.activeElement.blur();
  return false;
}

for (const piece of document.querySelectorAll("[data-live]")) piece.dataset.preventSwipe = "";
Reveal.on("ready", start);
Reveal.on("slidechanged", start);
Reveal.initialize({
  plugins: [RevealNotes], hash: true, disableLayout: true, scrollActivationWidth: null,
  transition: "none", backgroundTransition: "none", slideNumber: "c/t", keyboardCondition: ours,
}).then(() => {
  const root = document.documentElement;
  Reveal.getRevealElement().removeAttribute("role"); // "application" hides text from screen readers
  Reveal.addKeyBinding({ keyCode: 81, key: "Q", description: "Show the question on the slide" },
    () => root.classList.toggle("with-notes"));
  Reveal.addKeyBinding({ keyCode: 84, key: "T", description: "Light or dark" },
    () => { root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark"; });
});
