// Gradient descent on a valley: the reader drags the start and moves the rate across 2/L.

import { h, slider, status, svg } from "./dom.js";
import { figure, words } from "./figure.js";
import { CURVATURES, LIMIT, descend, factors, loss } from "./valley_net.js";

const STEPS = 20;
const [WIDE, HIGH] = [1.2, 0.6];
const LEVELS = [0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2];
const powers = [[1e-4, "10⁻⁴"], [1e-2, "10⁻²"], [1, "1"], [100, "100"]];

export function start(root) {
  const line = status({ class: "live-status fig-words" });
  const plane = figure({ label: "The valley from above, and the walker's path",
    x: { from: -WIDE, to: WIDE, ticks: [-1, 0, 1], label: "θ₁, curvature 1" },
    y: { from: -HIGH, to: HIGH, ticks: [-0.5, 0, 0.5], label: "θ₂, curvature 10" } });
  for (const level of LEVELS) { // contours: equal loss
    const [a, b] = CURVATURES.map((curvature) => level / Math.sqrt(curvature));
    plane.line("fig-level").node.setAttribute("d",
      `M${plane.sx(-a)},${plane.sy(0)}A${plane.sx(a) - plane.sx(0)},${plane.sy(0) - plane.sy(b)} ` +
      `0 1 0 ${plane.sx(a)},${plane.sy(0)}A${plane.sx(a) - plane.sx(0)},` +
      `${plane.sy(0) - plane.sy(b)} 0 1 0 ${plane.sx(-a)},${plane.sy(0)}`);
  }
  plane.inside.append(svg("circle", { class: "fig-end", cx: plane.sx(0), cy: plane.sy(0), r: 4 }));
  const way = plane.line("fig-one", true);
  const fall = figure({ label: "Loss at each step", role: "img",
    x: { from: 0, to: STEPS, ticks: [0, 5, 10, 15, 20], label: "step" },
    y: { from: 1e-5, to: 1000, log: true, ticks: powers, label: "loss" } });
  const losses = fall.line("fig-one", true);

  function draw() {
    const at = rate.value() * LIMIT;
    const path = descend(walker.at(), at, STEPS);
    way.draw(path.map(([a]) => a), path.map(([, b]) => b));
    losses.draw(path.keys(), path.map((theta) => Math.max(loss(theta), 1e-30)));
    const [one, two] = factors(at).map((factor) => words(factor, 3));
    const [first, last] = [path[0], path[STEPS]].map((theta) => Math.hypot(...theta));
    line.say(`Each step multiplies the distance by ${one} along the valley and by ${two} across ` +
      `it; ${STEPS} steps take it from ${words(first)} to ${Number(last.toPrecision(2))}.`);
  }

  const rate = slider({ label: "Learning rate λ", min: 0.02, max: 1.14, step: 0.01, value: 0.95,
    format: (share) => `${share.toFixed(2)} × 2/L`, onInput: draw });
  const walker = plane.handle({ label: "Start", at: [-1, 0.25], step: [0.05, 0.05], onMove: draw,
    says: ([a, b]) => `${words(a)} along the valley, ${words(b)} across it` });
  draw();
  root.replaceChildren(rate.element, h("div", { class: "fig-pair" }, plane.element, fall.element),
    line.element);
}
