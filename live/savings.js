// The savings problem: sliders for its four numbers, the best policy for them by the endogenous
// grid method, and beside it the policy of the network, which was trained for one set of them.

import { h, perFrame, slider, status, svg } from "./dom.js";
import { figure } from "./figure.js";
import { egm, incomes, interp, lost, network, value } from "./savings_net.js";
import { read } from "./weights.js";

const LECTURE = { beta: 0.96, R: 1.01, gamma: 1.5, sd: 0.1 };
const SLIDERS = {
  beta: { label: "Patience β", min: 0.9, max: 0.99, step: 0.005, digits: 3 },
  R: { label: "Interest R", min: 0.98, max: 1.06, step: 0.005, digits: 3 },
  gamma: { label: "Risk aversion γ", min: 1, max: 5, step: 0.25, digits: 2 },
  sd: { label: "Income risk ς", min: 0, max: 0.4, step: 0.02, digits: 2 },
};
const [RICH, MOST, TRAINED, BEGIN] = [5, 2.4, 0.7, 2]; // wealth and consumption shown; lives begin

const spaced = (low, high, n, power = 1) =>
  Array.from({ length: n }, (_, i) => low + (high - low) * (i / (n - 1)) ** power);
const SAVED = spaced(0, 60, 100, 3);
const SHOWN = spaced(TRAINED, RICH, 200);

function picture(policy) {
  const { element, key, path, sx, sy } = figure({ name: "sav-picture", role: "img",
    label: "Consumption against wealth: the best policy and the network's",
    x: { from: 0, to: RICH, ticks: [0, 1, 2, 3, 4, 5], label: "wealth" },
    y: { from: 0, to: MOST, ticks: [0, 1, 2], label: "consumption" } });
  const bound = svg("rect", { class: "sav-bound", x: sx(0), y: sy(MOST),
    height: sy(0) - sy(MOST) });
  const best = svg("path", { class: "sav-best" });
  const kink = svg("circle", { class: "sav-kink", r: 5 });
  element.prepend(bound);
  element.append(svg("path", { class: "sav-all", d: path([0, MOST], [0, MOST]) }));
  key([["sav-best", "the best policy"], ["sav-network", "the network's"],
       ["sav-all", "all is consumed"]], [228, 178]);
  element.append(best, svg("path", { class: "sav-network", d: path(SHOWN, policy) }), kink);
  return {
    element,
    // The best policy (a, c), or nothing.
    show(a, c) {
      for (const part of [bound, best, kink]) part.toggleAttribute("hidden", !a);
      if (!a) return;
      bound.setAttribute("width", sx(a[1]) - sx(0));
      const within = a.filter((x) => x < RICH);
      best.setAttribute("d", path([...within, RICH],
        [...c.slice(0, within.length), interp(RICH, a, c)]));
      kink.setAttribute("cx", sx(a[1]));
      kink.setAttribute("cy", sy(c[1]));
    },
  };
}

const percent = (share) =>
  (share < 1e-5 ? "less than 0.001" : Number((100 * share).toPrecision(2)));

// What the best policy (a, c) is, and what the network's costs.
function words(numbers, [a, c], took, weights) {
  const income = incomes(numbers.sd);
  const grid = spaced(income.y[0], 40, 300, 2);
  const [best, learned] = [grid.map((x) => interp(x, a, c)), network(weights, grid)]
    .map((policy) => interp(BEGIN, grid, value(grid, policy, income, numbers)));
  const known = Object.keys(LECTURE).every((name) => LECTURE[name] === numbers[name]);
  return `Who has less than ${a[1].toFixed(2)} consumes all of it; of wealth ${BEGIN} the best ` +
    `policy consumes ${interp(BEGIN, a, c).toFixed(2)}, the network's ` +
    `${network(weights, [BEGIN])[0].toFixed(2)}. The network was trained for ` +
    `${known ? "these numbers, the lecture's" : "other numbers"}: who follows it from wealth ` +
    `${BEGIN} on loses ${percent(lost(learned, best, numbers))} % of consumption` +
    `${known ? "" : ", until it is trained again"}. The grid took ${took} milliseconds.`;
}

const endless = ({ beta, R }) => `No best policy: βR is ${(beta * R).toFixed(3)}, not below 1. A ` +
  "year of waiting earns more than so patient a household asks for it, so it saves ever more and " +
  "its wealth settles nowhere. Take less patience or less interest.";

export async function start(root, model) {
  const weights = read(model);
  const plot = picture(network(weights, SHOWN));
  const line = status({ quiet: 0 });
  let timer;
  const draw = perFrame(() => {
    const numbers = Object.fromEntries(Object.entries(sliders).map(([k, s]) => [k, s.value()]));
    const begun = performance.now();
    const settles = numbers.beta * numbers.R < 1;
    const { a, c } = settles ? egm(SAVED, incomes(numbers.sd), numbers, 1e-8) : {};
    const took = Math.max(1, Math.round(performance.now() - begun));
    plot.show(a, c);
    clearTimeout(timer); // words when the sliders rest
    timer = setTimeout(() => line.say(
      settles ? words(numbers, [a, c], took, weights) : endless(numbers)), 300);
  });
  const sliders = Object.fromEntries(Object.entries(SLIDERS).map(([name, { digits, ...about }]) => [
    name, slider({ ...about, value: LECTURE[name], onInput: draw,
      format: (v) => v.toFixed(digits) })]));
  const reset = h("button", { type: "button", onclick() {
    for (const [name, number] of Object.entries(LECTURE)) sliders[name].set(number);
    draw();
  } }, "As in the lecture");
  root.replaceChildren(h("div", { class: "sav" },
    h("div", { class: "sav-sliders" }, ...Object.values(sliders).map((s) => s.element), reset),
    plot.element), line.element);
  draw();
}
