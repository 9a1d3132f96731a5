// Bias and variance against the degree of a polynomial: twenty fits, and what they are on average.

import { normals, uniforms } from "../playground/data.js";
import { fit, parts, regressors } from "./degree_net.js";
import { h, slider, status } from "./dom.js";
import { figure, words } from "./figure.js";

const [MOST, SAMPLES, LARGEST] = [15, 20, 100];
const degrees = Array.from({ length: MOST + 1 }, (_, d) => d);
const points = Array.from({ length: 200 }, (_, i) => (i + 0.5) / 100 - 1);
const curve = (x) => Math.sin(3 * x);
const truth = points.map(curve);
const [LOW, HIGH] = [1e-5, 100];

const draws = uniforms(2);
const inputs = Array.from({ length: LARGEST }, () => 2 * draws() - 1);
const noises = Array.from({ length: SAMPLES }, () => normals(draws, LARGEST));

const small = (v) => (v < 0.001 ? "below 0.001" : v > HIGH ? `above ${HIGH}`
  : String(Number(v.toPrecision(2))));

export function start(root) {
  const line = status({ class: "live-status fig-words" });
  const left = figure({ label: "The curve, fits to 20 samples, and their mean", role: "img",
    x: { from: -1, to: 1, ticks: [-1, 0, 1], label: "x" },
    y: { from: -2, to: 2, ticks: [-2, -1, 0, 1, 2], label: "curve and fits" } });
  const fits = noises.map(() => left.line("fig-many"));
  left.line("fig-sum").draw(points, truth);
  const mean = left.line("fig-mean");
  left.key([["fig-sum", "the curve"], ["fig-many", "20 fits"], ["fig-mean", "mean of all fits"]],
    [74, 22]);
  const right = figure({ label: "Squared bias, variance and risk against the degree",
    x: { from: 0, to: MOST, ticks: [0, 5, 10, 15], label: "degree" },
    y: { from: LOW, to: HIGH, log: true, label: "mean over x",
      ticks: [[1e-4, "10⁻⁴"], [1e-2, "10⁻²"], [1, "1"], [100, "100"]] } });
  const kinds = ["fig-one", "fig-two", "fig-sum"];
  const [bias, variance, risk] = kinds.map((kind) => right.line(kind, kind !== "fig-sum"));
  right.key([[kinds[0], "squared bias"], [kinds[1], "variance"], [kinds[2], "risk: their sum"]],
    [215, 184]);

  let [basis, each] = [];

  // After a change of the sample: all degrees at once.
  function compute() {
    const x = inputs.slice(0, n.value());
    basis = regressors(x, points, MOST);
    each = parts(basis, x.map(curve), truth, noise.value());
    bias.draw(degrees, each.map(({ bias2 }) => Math.max(bias2, LOW / 10)));
    variance.draw(degrees, each.map((part) => part.variance));
    risk.draw(degrees, each.map((part) => part.bias2 + part.variance));
  }

  function draw() {
    const [d] = hand.at();
    const f = inputs.slice(0, n.value()).map(curve);
    fits.forEach((one, i) => one.draw(points,
      fit(basis, f.map((v, j) => v + noise.value() * noises[i][j]), d)));
    mean.draw(points, fit(basis, f, d));
    const risks = each.map((part) => part.bias2 + part.variance);
    line.say(`Degree ${d}: squared bias ${small(each[d].bias2)}, variance ${
      small(each[d].variance)}, risk ${small(risks[d])}. The risk is lowest at degree ${
      risks.indexOf(Math.min(...risks))}.`);
  }

  function changed() {
    compute();
    hand.set(hand.at()); // to the new line
    draw();
  }

  const n = slider({ label: "Observations", min: 20, max: LARGEST, step: 10, value: 40,
    onInput: changed });
  const noise = slider({ label: "Noise s", min: 0.1, max: 1, step: 0.1, value: 0.3,
    format: words, onInput: changed });
  compute();
  const hand = right.handle({ label: "Degree", at: [1, 1], step: [1, 0], onMove: draw,
    says: ([d]) => `degree ${d}`,
    limit([d]) {
      const to = Math.max(0, Math.min(MOST, Math.round(d)));
      return [to, Math.min(HIGH, each[to].bias2 + each[to].variance)];
    } });
  draw();
  root.replaceChildren(h("div", { class: "fig-pair" }, left.element, right.element),
    h("div", { class: "fig-pair" }, n.element, noise.element), line.element);
}
