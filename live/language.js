// The language model and the counts that beat it: both go on from the same prompt, with the same
// random numbers, and show what they hold likeliest next.

import { uniforms } from "../playground/data.js";
import { h, slider, status } from "./dom.js";
import { counts, draw, fitCounts, nats, network, softmax, unpack } from "./language_net.js";
import { read } from "./weights.js";

const [ORDER, BLOCK] = [7, 1024]; // of the counts, and letters in a block of their text
const PROMPT = "And the king said unto the merchant, ";
const MOST = 120; // letters of a prompt
const PACE = 50; // milliseconds a letter
const SHOWN = 5; // of the likeliest letters
const NAMES = { " ": "space", "\n": "new line" };

const words = (text) => text.match(/[A-Za-z']+/g) ?? [];
const percent = (p) => `${(100 * p).toFixed(p < 0.0995 ? 1 : 0)} %`;
const grouped = (n) => n.toLocaleString("en");

// The counts, made from the text that has a script of its own beside the network's; and its words.
async function countText(alphabet) {
  const { src } = document.querySelector("script[src$='models/language.js']");
  await new Promise((resolve, reject) => {
    const missing = () => reject(new Error("models/bible.js is missing"));
    document.head.append(h("script", {
      src: src.replace("language.js", "bible.js"), onload: resolve, onerror: missing }));
  });
  const text = new TextDecoder().decode(await unpack(globalThis.models.bible));
  const code = new Map(alphabet.map((letter, i) => [letter, i]));
  const tokens = Uint8Array.from(text, (letter) => code.get(letter));
  const tables = await fitCounts(tokens, BLOCK, ORDER, alphabet.length);
  return { tables, known: new Set(words(text)) };
}

// One of the two: its model, what it has written, and the elements that show it.
function column({ name, about, model, alphabet }) {
  const [prompt, written] = [h("span", { class: "lang-prompt" }), h("span")];
  const box = h("div", { class: "lang-text", tabindex: 0, role: "group",
    "aria-label": `Text, ${name.toLowerCase()}` }, prompt, written);
  const score = h("p", { class: "lang-score" });
  const bars = Array.from({ length: SHOWN }, () => {
    const parts = [h("span"), h("span", { class: "lang-bar" }), h("span")];
    return { parts, element: h("li", {}, ...parts) };
  });
  const spell = (tokens) => tokens.map((token) => alphabet[token]).join("");
  let tokens, given, logits;
  const self = {
    name,
    element: h("div", { class: "lang-column" }, h("p", {}, h("strong", {}, name), ` ${about}`),
      box, h("p", {}, "Next letter:"),
      h("ol", { "aria-label": `Likeliest next letters, ${name.toLowerCase()}` },
        ...bars.map(({ element }) => element)), score),
    reset(start) {
      [tokens, given] = [[...start], start.length];
      logits = given ? model(tokens) : null;
    },
    write(temperature, noise) {
      tokens.push(draw(logits, temperature, noise));
      logits = model(tokens);
    },
    show(temperature) {
      prompt.textContent = spell(tokens.slice(0, given));
      written.textContent = spell(tokens.slice(given));
      box.scrollTop = box.scrollHeight;
      const p = logits ? softmax(logits, temperature) : [];
      const likeliest = [...p.keys()].sort((a, b) => logits[b] - logits[a]);
      bars.forEach(({ parts: [label, bar, share] }, i) => {
        const letter = alphabet[likeliest[i]];
        label.textContent = NAMES[letter] ?? letter ?? "";
        bar.style.width = `${100 * (p[likeliest[i]] ?? 0)}%`;
        share.textContent = letter ? percent(p[likeliest[i]]) : "";
      });
    },
    // How well it foresaw the prompt.
    judge() {
      score.textContent = given > 1
        ? `Prompt: ${nats(model, tokens.slice(0, given)).toFixed(2)} nats a letter` : "";
    },
    // Its words but the first and the last, which may be parts of words.
    words: () => words(spell(tokens.slice(given))).slice(1, -1),
  };
  return self;
}

export async function start(root, model) {
  const weights = read(model);
  const alphabet = Array.from(weights.get("['alphabet']").data, (c) => String.fromCharCode(c));
  const numbers = [...weights].reduce((sum, [place, { data }]) =>
    sum + (place.startsWith("['net']") ? data.length : 0), 0);
  const columns = [column({ name: "Network", about: `(${grouped(numbers)} numbers)`,
    model: network(weights), alphabet })];
  const line = status();
  let known;
  let failed = "";
  try {
    const { tables, known: found } = await countText(alphabet);
    const strings = tables.reduce((sum, { share }) => sum + share.length, 0);
    columns.push(column({ name: "Counts", about: `(order ${ORDER}, ${grouped(strings)} strings)`,
      model: counts(tables, alphabet.length), alphabet }));
    known = found;
  } catch (error) {
    failed = `The counts cannot be shown in this browser: ${error.message}.`;
  }

  const button = (text, onclick) => h("button", { type: "button", onclick }, text);
  const field = h("textarea", { rows: 2, maxlength: MOST, spellcheck: "false", oninput: changed },
    PROMPT);
  const temperature = slider({ label: "Temperature", min: 0, max: 1.5, step: 0.1, value: 1,
    onInput: show, format: (v) => (v ? v.toFixed(1) : "0: the likeliest") });
  const length = slider({ label: "Length", min: 20, max: 300, step: 20, value: 100,
    format: (v) => `${v} letters` });
  const writer = button("Write on", () => (timer ? stop() : write(length.value())));
  const buttons = [writer, button("One letter", () => write(1)),
    button("Start again", () => { restart(); line.say("Back to the prompt, with new numbers."); })];
  let [seed, timer, judging, random] = [0];

  function show() {
    for (const each of columns) each.show(temperature.value());
  }

  // Both columns to the prompt; returns the letters that the alphabet lacks.
  function restart() {
    clearTimeout(timer);
    timer = null;
    writer.textContent = "Write on";
    random = uniforms(seed += 1);
    const letters = [...field.value.replaceAll("’", "'")];
    const tokens = letters.map((letter) => alphabet.indexOf(letter)).filter((i) => i >= 0);
    for (const each of columns) each.reset(tokens);
    for (const each of buttons) each.disabled = !tokens.length;
    show();
    return [...new Set(letters.filter((letter) => !alphabet.includes(letter)))];
  }

  function judge() {
    for (const each of columns) each.judge();
  }

  function changed() {
    seed = 0;
    const lacking = restart();
    clearTimeout(judging);
    judging = setTimeout(judge, 300);
    line.say(lacking.length ? `Left out, since the models' alphabet lacks it: ${lacking.join(" ")}`
      : buttons[0].disabled ? "Type a prompt first." : "Press Write on.");
  }

  function stop() {
    clearTimeout(timer);
    timer = null;
    writer.textContent = "Write on";
    line.say(report());
  }

  function letter() {
    const noise = alphabet.map(() => -Math.log(-Math.log(random())));
    for (const each of columns) each.write(temperature.value(), noise);
  }

  // Letters one after the other, or at once for those who want no motion.
  function write(left) {
    clearTimeout(timer);
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    for (let i = 0; i < (still ? left : 1); i++) letter();
    show();
    if (still || left === 1) return stop();
    writer.textContent = "Stop";
    timer = setTimeout(write, PACE, left - 1);
  }

  // The lecture's measure of a text.
  function report() {
    const real = columns.map((each) => {
      const all = each.words();
      return `${each.name} ${all.filter((word) => known?.has(word)).length} of ${all.length}`;
    });
    return !known ? failed : columns.some((each) => each.words().length)
      ? `Words that occur in the 400 blocks: ${real.join(", ").toLowerCase()}.`
      : "No whole word yet.";
  }

  restart();
  judge();
  for (let i = 0; i < length.value(); i++) letter();
  show();
  line.element.textContent = report(); // to be seen at once, and not read aloud
  root.replaceChildren(h("label", { class: "lang-field" }, "Prompt", field),
    h("div", { class: "lang-sliders" }, temperature.element, length.element),
    h("div", { class: "live-row lang-buttons" }, ...buttons), line.element,
    h("div", { class: "lang-columns" }, ...columns.map(({ element }) => element)));
  show(); // once there is a place to scroll
}
