// Answers under "Check yourself" that can be tried: below a question, its template becomes a form.

import { h } from "./dom.js";

const key = `check-yourself ${location.pathname.replace(/\.html$/, "")}`;
const questions = [...document.querySelectorAll("template.check")].map(question);
const right = new Set(remembered()); // the words of questions, so that a changed one is a new one
const count = h("span", { role: "status", tabindex: "-1" });
const button = h("button", { type: "button", onclick: forget }, "Forget");
for (const { text, say } of questions) if (right.has(text)) say("right", "Answered right before.");
document.querySelector("#check-yourself h2").after(h("p", { class: "check-n" }, count, button));
remember();

function remembered() {
  let found = [];
  try { found = JSON.parse(localStorage.getItem(key)); } catch {} // nothing is there, or may be
  return questions.map(({ text }) => text).filter((text) => found?.includes?.(text));
}

function remember() {
  try { localStorage.setItem(key, JSON.stringify([...right])); } catch {} // known until one leaves
  const kept = remembered().length ? ", remembered in this browser only." : ".";
  count.textContent = right.size ? `${right.size} of ${questions.length} answered right here${kept}`
    : `${questions.length} of these can be tried here.`;
  button.hidden = !right.size;
}

function forget() {
  right.clear();
  count.focus(); // the button goes
  remember();
  for (const { form } of questions) form.reset();
}

// The numbers that a text may mean: 0,5 and .5, 1/3, 2^9, 1e-3, 5 %; and 13,500 means two.
function meanings(text, unit) {
  const plain = text.replace(unit, "").replace(/\s/g, "").replace(/−/g, "-");
  const number = String.raw`([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)`;
  const pattern = RegExp(`^${number}(?:([/^])${number})?(%?)$`, "i");
  return [plain.replace(/^([1-9]\d{0,2}),(\d{3})$/, "$1$2"), plain.replace(/,/g, ".")]
    .map((text) => text.match(pattern)).filter(Boolean).map(([, a, sign, b, percent]) =>
      (sign === "/" ? a / b : sign ? a ** b : +a) / (percent ? 100 : 1));
}

function question(template, place) {
  const fold = template.closest("details") ?? template.previousElementSibling;
  const title = fold.querySelector(".sd-summary-text");
  const id = title.id ||= `check-${place}`, text = title.textContent;
  const words = template.content.children, keys = JSON.parse(template.dataset.key);
  const entries = keys.map((k, i) => ({ ...k, answer: words[2 * i], reason: words[2 * i + 1] }));
  const solution = entries.find(({ right }) => right), { unit, value } = solution;

  // The entry that was given; or a hint, why it is none.
  function find(given) {
    if (value === undefined) return entries[given] ?? { hint: "Choose an answer first." };
    const numbers = meanings(given, unit);
    if (!numbers.length) return { hint: "Write a number, for instance 0.5, 1/3, 1e-3 or 5 %." };
    const reason = h("span", {}, `The answer is ${numbers[0] < value ? "larger" : "smaller"}.`);
    return [solution, ...entries].find(({ value, within }) => numbers.some((number) =>
      Math.abs(number - value) <= within + 1e-9)) ?? { reason };
  }

  function attempt(event) {
    event.preventDefault();
    const { right: isRight, hint, reason } = find(form.elements[id].value);
    if (hint) return say("", hint);
    say(isRight ? "right" : "wrong", h("strong", {}, isRight ? "Right. " : "Not right. "),
      reason.cloneNode(true));
    if (isRight) right.add(text);
    remember();
  }

  function say(verdict, ...words) {
    form.className = `check ${verdict}`;
    status.replaceChildren(...words);
  }

  const input = (type, value) => h("input", { type, name: id, value, autocomplete: "off" });
  const controls = value === undefined
    ? entries.map(({ answer }, i) => h("label", {}, input("radio", i), answer))
    : [h("label", {}, "Your answer", input("text"), unit)];
  const open = () => fold.toggleAttribute("open");
  const reveal = h("button", { type: "button", onclick: open }, "Show the answer");
  const status = h("p", { role: "status" }), clear = () => say("");
  const form = h("form", { class: "check", onsubmit: attempt, oninput: clear, onreset: clear },
    h("fieldset", { "aria-labelledby": id }, ...controls),
    h("div", {}, h("button", {}, "Try"), reveal), status);
  fold.ontoggle = () => { reveal.textContent = `${fold.open ? "Hide" : "Show"} the answer`; };
  fold.after(form);
  return { text, form, say };
}
