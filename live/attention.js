// Where the language model looks from the letter that the reader points at.

import { looks } from "./attention_net.js";
import { h, status, svg } from "./dom.js";
import { figure } from "./figure.js";
import { read } from "./weights.js";

const MOST = 24; // letters of the sentence
const SENTENCE = "The king said unto them.";
const [LEFT, SIDE] = [56, 14]; // where the letters begin, and the width of each

const NAMES = { " ": "a space", "\n": "a new line" };
const name = (letter) => NAMES[letter] ?? `“${letter}”`;
const back = (n) => (n === 0 ? "itself" : n === 1 ? "1 letter back" : `${n} letters back`);

export function start(root, model) {
  const weights = read(model);
  const alphabet = Array.from(weights.get("['alphabet']").data, (c) => String.fromCharCode(c));
  const [[length], [, heads]] = ["place", "blocks[0].qkv"].map((leaf) =>
    weights.get(`['net'].${leaf}`).shape);
  const line = status({ class: "live-status fig-words" });
  let [letters, lacking] = [[], []];

  const rows = Array.from({ length: heads }, (_, i) => [i, i + 1]);
  const plot = figure({ label: "Weights of the letters, by head", name: "fig-letters",
    size: [400, 246], box: [LEFT, LEFT + MOST * SIDE, 4, 244],
    x: { from: -0.5, to: MOST - 0.5 },
    y: { from: heads + 2.5, to: -0.5, ticks: [...rows, [heads, "mean"]] } });
  plot.element.append(svg("text", { "text-anchor": "middle", "aria-hidden": "true",
    transform: `translate(13 ${plot.sy((heads - 1) / 2)}) rotate(-90)` }, "head"));
  const bounds = plot.element.appendChild(svg("rect", { class: "fig-bounds", y: plot.sy(-0.5),
    height: plot.sy(heads + 0.5) - plot.sy(-0.5) }));
  const show = plot.cells(heads + 1, MOST);
  const texts = Array.from({ length: MOST }, (_, i) => plot.inside.appendChild(svg("text", {
    x: plot.sx(i), y: plot.sy(heads + 1.5) + 5, "text-anchor": "middle" })));

  function draw() {
    const t = hand.at()[0];
    const first = Math.max(0, t + 1 - length); // of the letters that it sees
    const seen = letters.slice(first, t + 1);
    const each = seen.length ? looks(weights, seen.map((c) => alphabet.indexOf(c)))
      : Array(heads).fill([]);
    const mean = seen.map((_, s) => each.reduce((sum, head) => sum + head[s], 0) / heads);
    show([...each, mean].flatMap((row) =>
      Array.from({ length: MOST }, (_, s) => row[s - first] ?? 0)));
    bounds.setAttribute("x", plot.sx(first - 0.5));
    bounds.setAttribute("width", seen.length * SIDE);
    texts.forEach((node, i) => {
      node.textContent = letters[i] === " " ? "␣" : letters[i] ?? "";
      node.setAttribute("class", i < first || i > t ? "fig-far" : "");
    });
    const largest = (row) => row.indexOf(Math.max(...row));
    const told = (row) => `most at ${name(seen[largest(row)])}, ${
      back(seen.length - 1 - largest(row))} (${Math.max(...row).toFixed(2)})`;
    const surest = each.reduce((best, head, i) =>
      (Math.max(...head) > Math.max(...each[best]) ? i : best), 0);
    const left = lacking.length
      ? `Left out, since its alphabet lacks it: ${lacking.join(" ")}. ` : "";
    line.say(left + (seen.length ? `At letter ${t + 1}, ${name(letters[t])}, the heads look on ` +
      `average ${told(mean)}${ // beside what is left out there is no room for more
        left ? "" : `; head ${surest + 1}, the surest, ${told(each[surest])}`}.`
      : "Type a sentence first."));
  }

  const hand = plot.handle({ label: "The letter that looks", at: [0, 0], step: [1, 0],
    onMove: draw, shape: svg("rect", { class: "fig-frame", x: -SIDE / 2 - 2, y: -15,
      width: SIDE + 4, height: 30, rx: 3 }),
    limit: ([i]) => [Math.max(0, Math.min(letters.length - 1, i)), heads + 1.5],
    says: ([i]) => `letter ${i + 1}, ${letters[i] ? name(letters[i]) : "none"}` });
  const field = h("input", { type: "text", maxlength: MOST, spellcheck: "false",
    autocomplete: "off", value: SENTENCE, oninput: changed });

  function changed() {
    const typed = [...field.value.replaceAll("’", "'")];
    letters = typed.filter((c) => alphabet.includes(c));
    lacking = [...new Set(typed.filter((c) => !alphabet.includes(c)))];
    hand.set([letters.length - 1, 0]);
    draw();
  }

  changed();
  hand.set([letters.lastIndexOf("e"), 0]); // something to see at once
  draw();
  root.replaceChildren(h("label", { class: "fig-field" }, "Sentence", field), plot.element,
    line.element);
}
