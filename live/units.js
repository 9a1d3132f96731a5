// Three units of which a reader moves the kinks and the slopes, and their sum.

import { h, status } from "./dom.js";
import { figure, words } from "./figure.js";
import { bent, pieces, sum } from "./units_net.js";

const TENT = [[0, 1], [1, -2], [2, 1]]; // the lecture's: kink and slope of each
const [FROM, TO, STEEP] = [-1, 4, 3];
const KINDS = ["fig-one", "fig-two", "fig-three"];

const inWords = (units) => pieces(units).map(({ slope }, i, all) =>
  `${words(slope)}${all[i + 1] ? ` up to ${words(all[i + 1].from)}` : ""}`).join(", then ");

export function start(root) {
  const units = TENT.map((unit) => [...unit]);
  const line = status({ class: "live-status fig-words" });
  const plot = figure({ label: "Three units and their sum", name: "fig-wide",
    x: { from: FROM, to: TO, ticks: [-1, 0, 1, 2, 3, 4], label: "x" },
    y: { from: -STEEP, to: STEEP, ticks: [-3, -2, -1, 0, 1, 2, 3], label: "output" } });
  const level = plot.line("fig-level");
  level.draw([FROM, TO], [0, 0]);
  const lines = KINDS.map((kind) => plot.line(kind));
  const total = plot.line("fig-sum");
  plot.key([["fig-sum", "the sum"]], [74, 24]);

  function draw() {
    units.forEach((unit, j) => {
      const xs = [FROM, unit[0], TO];
      lines[j].draw(xs, xs.map((x) => bent(unit, x)));
    });
    const xs = [FROM, ...units.map(([kink]) => kink).sort((a, b) => a - b), TO];
    total.draw(xs, xs.map((x) => sum(units, x)));
    line.say(`Slope of the sum: ${inWords(units)}.`);
  }

  // A unit is held one to the right of its kink, where its height is its slope.
  const handles = units.map((unit, j) => plot.handle({
    label: `Unit ${j + 1}`, mark: j + 1, kind: KINDS[j],
    at: [unit[0] + 1, unit[1]], step: [0.1, 0.1],
    limit: ([x, y]) => [Math.min(TO, Math.max(FROM + 1, x)), Math.min(STEEP, Math.max(-STEEP, y))],
    says: ([x, y]) => `kink at ${words(x - 1)}, slope ${words(y)}`,
    onMove([x, y]) {
      units[j] = [x - 1, y].map((v) => Number(v.toFixed(6)));
      draw();
    } }));
  const again = h("button", { type: "button", onclick() {
    TENT.forEach((unit, j) => {
      units[j] = [...unit];
      handles[j].set([unit[0] + 1, unit[1]]);
    });
    draw();
  } }, "The tent again");
  draw();
  root.replaceChildren(plot.element, line.element, again);
}
