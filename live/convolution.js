// A convolution over a picture: the reader moves its window, its nine weights, and the picture.

import { convolve, neighbours, shift } from "./convolution_net.js";
import { h, status, svg } from "./dom.js";
import { figure, words } from "./figure.js";

const FOUR = ["..............", "..............", "...##.....##..", "...##.....##..",
              "...##.....##..", "...##.....##..", "...##.....##..", "...#########..",
              "....########..", "..........##..", "..........##..", "..........##..",
              "..........##..", ".............."]
  .map((row) => Array.from(row, (letter) => Number(letter === "#")));
const SIDE = FOUR.length;
const LARGEST = 99; // weight that its field can show
const WEIGHTS = {
  "vertical edges": [-1, 0, 1, -2, 0, 2, -1, 0, 1],
  "horizontal edges": [-1, -2, -1, 0, 0, 0, 1, 2, 1],
  "all edges": [-1, -1, -1, -1, 8, -1, -1, -1, -1],
  "sum of neighbours": [1, 1, 1, 1, 1, 1, 1, 1, 1],
  copy: [0, 0, 0, 0, 1, 0, 0, 0, 0],
};
const PLACES = ["above", "", "below"].flatMap((row) => ["left", "", "right"].map((column) =>
  `${row} ${column}`.trim() || "middle"));

// A picture of squares; its own window shows where the reader looks.
function picture(label, role, ink) {
  const plot = figure({ label, role, name: "fig-square", size: [200, 200], box: [2, 198, 2, 198],
    x: { from: -0.5, to: SIDE - 0.5 }, y: { from: SIDE - 0.5, to: -0.5 } });
  const show = plot.cells(SIDE, SIDE, ink);
  plot.element.append(svg("rect", { class: "fig-axis", x: 1, y: 1, width: 198, height: 198 }));
  const frame = (n) => svg("g", {}, ...["fig-halo", "fig-frame"].map((kind) => svg("rect", {
    class: kind, x: -7 * n, y: -7 * n, width: 14 * n, height: 14 * n })));
  return { plot, show, frame };
}

export function start(root) {
  const line = status({ class: "live-status fig-words" });
  let ink = FOUR;
  const [input, output] = [picture("The picture", "group", "fig-ink"),
    picture("Its convolution", "img")];
  const mark = output.plot.element.appendChild(output.frame(1));

  // What lies under the window, and what it adds up to.
  function tell() {
    const [s, r] = hand.at();
    const under = neighbours(ink, r, s).flatMap((x, i) => (x ? [weights()[i]] : []));
    const total = under.reduce((a, b) => a + b, 0);
    mark.setAttribute("transform", `translate(${output.plot.sx(s)} ${output.plot.sy(r)})`);
    line.say(`Row ${r + 1}, column ${s + 1}: ${under.length ? "under the weights " +
      `${under.map((w) => words(w)).join(", ")} lies ink, so the sum is ${words(total)}`
      : "no ink lies under the window, so the sum is 0"}.`);
  }

  function draw() {
    const values = convolve(ink, weights()).flat();
    input.show(ink.flat());
    output.show(values, Math.max(1, ...values.map(Math.abs)));
    tell();
  }

  const fields = PLACES.map((place) => h("input", { type: "number", step: 1, value: 0,
    min: -LARGEST, max: LARGEST, "aria-label": `Weight ${place}`, oninput({ target }) {
      const bounded = Math.max(-LARGEST, Math.min(LARGEST, target.value));
      if (bounded !== Number(target.value)) target.value = bounded;
      choice.value = "";
      draw();
    } }));
  const weights = () => fields.map(({ value }) => Number(value));
  const choice = h("select", { onchange: choose },
    ...Object.keys(WEIGHTS).map((name) => h("option", { value: name }, name)),
    h("option", { value: "", hidden: true }, "your own"));
  function choose() {
    fields.forEach((field, i) => { field.value = WEIGHTS[choice.value][i]; });
    draw();
  }

  const hand = input.plot.handle({ label: "Window", at: [4, 4], step: [1, 1], onMove: tell,
    shape: input.frame(3), says: ([s, r]) => `row ${r + 1}, column ${s + 1}` });
  const mover = h("button", { type: "button", onclick() {
    ink = shift(ink);
    draw();
  } }, "Move the picture right");
  choose();
  root.replaceChildren(h("div", { class: "fig-pair fig-always" },
    h("div", {}, "Picture", input.plot.element),
    h("div", {}, "Its convolution", output.plot.element)),
  h("div", { class: "fig-side" }, h("div", { class: "fig-weights", role: "group",
    "aria-label": "The nine weights" }, ...fields),
  h("div", { class: "fig-choices" }, h("label", {}, "Weights for ", choice), mover,
    h("span", {}, "Blue is above zero, orange below."))), line.element);
}
