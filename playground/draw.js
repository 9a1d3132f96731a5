// Pictures, drawn as SVG so that colours follow the theme of the page.

import { POINT } from "./state.js";

const NS = "http://www.w3.org/2000/svg";
const SHOWN = 16; // units of a layer that are drawn

export function element(name, attributes = {}, ...children) {
  const node = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

const along = ([low, high], share) => low + share * (high - low);

const line = (xs, ys) => Array.from(xs, (x, i) => [x, ys[i]])
  .filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y))
  .map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");

// At most four characters for a power of ten, which is all that fits beside an axis.
const short = (v) => [String(v), v.toExponential().replace("+", "")]
  .reduce((a, b) => (b.length < a.length ? b : a));

// Axes with a few ticks inside `svg`; returns functions from data to picture coordinates.
function axes(svg, { xlim, ylim, xticks, yticks, xlabel, ylabel, log = false }) {
  const [left, right, top, bottom] = [48, 392, 10, 222];
  const scale = log ? Math.log10 : (v) => v;
  const [low, high] = ylim.map(scale);
  const sx = (v) => left + ((v - xlim[0]) / (xlim[1] - xlim[0])) * (right - left);
  const sy = (v) => bottom - ((scale(v) - low) / (high - low)) * (bottom - top);
  svg.replaceChildren(element("path", {
    class: "axis", d: `M${left},${top}V${bottom}H${right}` }));
  const text = (x, y, anchor, words) => svg.append(
    element("text", { x, y, "text-anchor": anchor }, words));
  for (const v of xticks) {
    text(sx(v), bottom + 16, v === xlim[1] ? "end" : "middle", String(v)); // stays inside
  }
  for (const v of yticks) {
    text(left - 6, sy(v) + 4, "end", short(v));
  }
  text((left + right) / 2, bottom + 34, "middle", xlabel);
  svg.append(element("text", {
    transform: `translate(12 ${(top + bottom) / 2}) rotate(-90)`, "text-anchor": "middle",
  }, ylabel));
  return { sx, sy, left, right, top, bottom };
}

// Data, true curve, fitted curve and one hidden unit. `update` moves the last two.
export function fitPlot(svg, data, truth) {
  const frame = axes(svg, {
    xlim: POINT.x, ylim: POINT.y, xticks: [0, 1, 2, 3, 4, 5], yticks: [-1, 0, 1, 2, 3, 4],
    xlabel: "input x", ylabel: "outcome y" });
  const clip = element("g", { "clip-path": "inset(0)" });
  const curve = (name, x, y) => element("polyline", {
    class: name, points: x ? line(x.map(frame.sx), y.map(frame.sy)) : "" });
  const dots = Array.from(data.x, (x, i) => element("circle", {
    class: "datum", cx: frame.sx(x), cy: frame.sy(data.y[i]), r: data.x.length > 100 ? 2 : 4 }));
  const [fit, unit] = [curve("fit"), curve("unit")];
  clip.append(...dots, curve("truth", truth?.x, truth?.y), unit, fit);
  svg.append(clip);
  return {
    toData: (px, py) => [
      along(POINT.x, (px - frame.left) / (frame.right - frame.left)),
      along(POINT.y, (frame.bottom - py) / (frame.bottom - frame.top))],
    update(x, fitted, hidden) {
      const sx = Array.from(x, frame.sx);
      fit.setAttribute("points", line(sx, Array.from(fitted, frame.sy)));
      unit.setAttribute("points", hidden ? line(sx, hidden.map(frame.sy)) : "");
    },
  };
}

// Training and validation loss against the step, on a logarithmic scale.
export function lossPlot(svg, history) {
  const finite = history.flatMap(({ losses }) => losses).filter((v) => v > 0 && v < 1e9);
  const low = 10 ** Math.floor(Math.log10(Math.min(0.1, ...finite)));
  const high = 10 ** Math.ceil(Math.log10(Math.max(1, ...finite)));
  const last = Math.max(10, history.at(-1)?.step ?? 0);
  const decades = Math.round(Math.log10(high / low));
  const every = Math.ceil(decades / 5);
  const powers = Array.from({ length: decades + 1 }, (_, i) => Math.round(Math.log10(low)) + i);
  const frame = axes(svg, {
    xlim: [0, last], ylim: [low, high], xticks: [0, last], log: true,
    yticks: powers.filter((_, i) => i % every === 0).map((p) => Number(`1e${p}`)),
    xlabel: "step", ylabel: "mean squared error" });
  ["training", "validation"].forEach((name, i) => {
    const shown = history.filter(({ losses }) => losses[i] > 0 && losses[i] < 1e9);
    svg.append(element("polyline", { class: name, points: line(
      shown.map(({ step }) => frame.sx(step)), shown.map(({ losses }) => frame.sy(losses[i]))) }));
    svg.append(element("text", {
      class: name, x: frame.right, y: frame.top + 14 + 16 * i, "text-anchor": "end" }, name));
  });
}

// The network as on the slides: arrows by sign and size of the weight, units that can be
// pointed at or reached by keyboard. `choose(layer, unit)` is told, or `choose(null)`.
export function networkPlot(svg, sizes, choose) {
  const [width, height] = [800, 260];
  const shown = sizes.map((n) => Math.min(n, SHOWN));
  const gap = Math.min(32, (height - 24) / Math.max(...shown));
  const place = (layer, unit) => [
    40 + (layer * (width - 80)) / (sizes.length - 1),
    height / 2 + (unit - (shown[layer] - 1) / 2) * gap];
  svg.replaceChildren();
  const weights = sizes.slice(1).map((_, layer) => Array.from({ length: shown[layer] }, (_, i) =>
    Array.from({ length: shown[layer + 1] }, (_, j) => {
      const [[x1, y1], [x2, y2]] = [place(layer, i), place(layer + 1, j)];
      return svg.appendChild(element("line", { x1, y1, x2, y2 }));
    })));
  const units = sizes.map((_, layer) => Array.from({ length: shown[layer] }, (_, unit) => {
    const [cx, cy] = place(layer, unit);
    const node = svg.appendChild(element("circle", { class: "node", cx, cy, r: 7 }));
    if (layer === 0 || layer === sizes.length - 1) return node;
    for (const [name, value] of Object.entries({
      tabindex: 0, role: "img", "aria-label": `unit ${unit + 1} of hidden layer ${layer}` })) {
      node.setAttribute(name, value);
    }
    for (const event of ["pointerenter", "focus"]) {
      node.addEventListener(event, () => choose([layer, unit]));
    }
    for (const event of ["pointerleave", "blur"]) node.addEventListener(event, () => choose(null));
    return node;
  }));
  return {
    update(theta, dead) {
      theta.forEach(({ W, b }, layer) => {
        const largest = W.reduce((m, w) => Math.max(m, Math.abs(w)), 1e-9);
        weights[layer].forEach((row, i) => row.forEach((arrow, j) => {
          const w = W[i * b.length + j];
          arrow.setAttribute("class", w > 0 ? "positive" : "negative");
          arrow.setAttribute("stroke-width", ((4 * Math.abs(w)) / largest || 0).toFixed(2));
        }));
      });
      units.flat().forEach((node) => node.classList.remove("dead"));
      dead.forEach(([layer, unit]) => units[layer + 1][unit]?.classList.add("dead"));
    },
  };
}
