// Pictures: SVG, whose colours follow the theme of the page, over a canvas for what is redrawn in
// every frame and has many parts. Both count in pixels of the page.

import { POINT } from "./state.js";

const NS = "http://www.w3.org/2000/svg";
const SHOWN = 16; // units of a layer that are drawn
const tile = document.createElement("canvas");

export function element(name, attributes = {}, ...children) {
  const node = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

// An empty picture: its SVG, its size, and what draws on its canvas if there is one.
export function surface(svg) {
  const { width, height } = svg.getBoundingClientRect();
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.replaceChildren();
  const style = getComputedStyle(svg);
  const [positive, negative] = ["positive", "negative"].map(
    (name) => style.getPropertyValue(`--pg-${name}`).trim());
  const canvas = svg.parentNode.querySelector("canvas");
  const context = canvas?.getContext("2d");
  if (canvas) {
    const ratio = window.devicePixelRatio;
    [canvas.width, canvas.height] = [width * ratio, height * ratio];
    context.scale(ratio, ratio);
  }
  return { svg, width, height, context, positive, negative };
}

// Squares of values as colours: blue above zero, orange below, the stronger the larger. They go
// through one small canvas, below one another, as each way from numbers to a canvas takes long.
function heat({ context, positive, negative }, squares) {
  const side = Math.sqrt(squares[0].values.length);
  const image = new ImageData(side, side * squares.length);
  const pixels = new Uint32Array(image.data.buffer); // alpha, blue, green, red
  const [above, below] = [positive, negative].map((colour) => {
    const [r, g, b] = [1, 3, 5].map((i) => Number.parseInt(colour.slice(i, i + 2), 16));
    return (b << 16) | (g << 8) | r;
  });
  squares.forEach(({ values, largest }, k) => values.forEach((value, i) => {
    const strength = Math.min(1, Math.abs(value) / largest) || 0;
    pixels[k * side * side + i] = (Math.round(255 * strength) << 24) | (value > 0 ? above : below);
  }));
  if (tile.width !== side || tile.height < image.height) {
    [tile.width, tile.height] = [side, image.height];
  }
  tile.getContext("2d").putImageData(image, 0, 0);
  squares.forEach(({ box }, k) => context.drawImage(tile, 0, k * side, side, side, ...box));
}

// Values along x as a curve whose middle is zero.
function curves({ context, positive }, squares) {
  context.strokeStyle = positive;
  context.lineWidth = 1.5;
  context.beginPath();
  for (const { values, box: [x, y, width, height], largest } of squares) {
    values.forEach((value, i) => context[i ? "lineTo" : "moveTo"](
      x + (i / (values.length - 1)) * width, y + (0.5 - (0.45 * value) / largest || 0.5) * height));
  }
  context.stroke();
}

const along = ([low, high], share) => low + share * (high - low);

const line = (xs, ys) => Array.from(xs, (x, i) => [x, ys[i]])
  .filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y))
  .map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");

// At most four characters for a power of ten, which is all that fits beside an axis.
const short = (v) => [String(v), v.toExponential().replace("+", "")]
  .reduce((a, b) => (b.length < a.length ? b : a));

// Axes with a few ticks on a surface; returns functions from data to picture coordinates.
function axes({ svg, width, height },
  { xlim, ylim, xticks, yticks, xlabel, ylabel, log = false, square = false }) {
  const digits = Math.max(...yticks.map((v) => short(v).length));
  let [left, right, top, bottom] = [26 + 7 * digits, width - 4, 8, height - 38];
  if (square) {
    const side = Math.min(right - left, bottom - top);
    [right, top, bottom] = [left + side, (top + bottom - side) / 2, (top + bottom + side) / 2];
  }
  const scale = log ? Math.log10 : (v) => v;
  const [low, high] = ylim.map(scale);
  const sx = (v) => left + ((v - xlim[0]) / (xlim[1] - xlim[0])) * (right - left);
  const sy = (v) => bottom - ((scale(v) - low) / (high - low)) * (bottom - top);
  svg.append(element("path", { class: "axis", d: `M${left},${top}V${bottom}H${right}` }));
  const text = (x, y, anchor, words) => svg.append(
    element("text", { x, y, "text-anchor": anchor }, words));
  for (const v of xticks) {
    text(sx(v), bottom + 16, v === xlim[1] ? "end" : "middle", String(v)); // stays inside
  }
  for (const v of yticks) text(left - 6, sy(v) + 4, "end", short(v));
  text((left + right) / 2, bottom + 33, "middle", xlabel);
  svg.append(element("text", {
    transform: `translate(12 ${(top + bottom) / 2}) rotate(-90)`, "text-anchor": "middle",
  }, ylabel));
  return { sx, sy, left, right, top, bottom };
}

// What is drawn between the axes; an svg in an svg shows nothing beyond its edge.
function inside({ left, right, top, bottom }, ...children) {
  const [width, height] = [right - left, bottom - top];
  return element("svg", { x: left, y: top, width, height,
    viewBox: `${left} ${top} ${width} ${height}` }, ...children);
}

// Data, true curve, fitted curve and one hidden unit. `update` moves the last two.
export function linePlot(place, data, grid, truth) {
  const frame = axes(place, {
    xlim: POINT.x, ylim: POINT.y, xticks: [0, 1, 2, 3, 4, 5], yticks: [-1, 0, 1, 2, 3, 4],
    xlabel: "input x", ylabel: "outcome y" });
  const at = grid.map(([x]) => frame.sx(x));
  const points = (y) => (y ? line(at, Array.from(y, frame.sy)) : "");
  const [fit, unit] = ["fit", "unit"].map((name) => element("polyline", { class: name }));
  const dots = data.x.map(([x], i) => element("circle", {
    class: "datum", cx: frame.sx(x), cy: frame.sy(data.y[i]), r: data.x.length > 100 ? 2 : 4 }));
  const exact = element("polyline", { points: points(truth) });
  place.svg.append(inside(frame, ...dots, exact, unit, fit));
  return {
    toData: (px, py) => [
      along(POINT.x, (px - frame.left) / (frame.right - frame.left)),
      along(POINT.y, (frame.bottom - py) / (frame.bottom - frame.top))],
    update(fitted, hidden) {
      fit.setAttribute("points", points(fitted));
      unit.setAttribute("points", points(hidden));
    },
  };
}

// Two classes in the plane, dots and squares, over a map of what the network or a unit puts out.
export function planePlot(place, data) {
  const lim = [-3, 3];
  const frame = axes(place, {
    xlim: lim, ylim: lim, xticks: [-3, 0, 3], yticks: [-3, 0, 3], xlabel: "input x₁",
    ylabel: "input x₂", square: true });
  const side = frame.right - frame.left;
  const r = data.x.length > 100 ? 2.2 : 4;
  const marks = data.x.map(([x1, x2], i) => {
    const [x, y] = [frame.sx(x1), frame.sy(x2)];
    return data.y[i] ? element("circle", { class: "one", cx: x, cy: y, r })
      : element("rect", { class: "zero", x: x - r, y: y - r, width: 2 * r, height: 2 * r });
  });
  place.svg.append(inside(frame, ...marks));
  return {
    update(fitted, hidden, largest) {
      place.context.clearRect(0, 0, place.width, place.height);
      place.context.globalAlpha = 0.6; // the data are seen on it
      heat(place, [{
        values: hidden ?? fitted, box: [frame.left, frame.top, side, side],
        largest: hidden ? largest : 1 }]);
      place.context.globalAlpha = 1;
    },
  };
}

// Training and validation loss against the step, on a logarithmic scale.
export function lossPlot(place, history, ylabel) {
  const finite = history.flatMap(({ losses }) => losses).filter((v) => v > 0 && v < 1e9);
  const low = 10 ** Math.floor(Math.log10(Math.min(0.1, ...finite)));
  const high = 10 ** Math.ceil(Math.log10(Math.max(1, ...finite)));
  const last = Math.max(10, history.at(-1)?.step ?? 0);
  const decades = Math.round(Math.log10(high / low));
  const every = Math.ceil(decades / 5);
  const powers = Array.from({ length: decades + 1 }, (_, i) => Math.round(Math.log10(low)) + i);
  place.svg.replaceChildren();
  const frame = axes(place, {
    xlim: [0, last], ylim: [low, high], xticks: [0, last], log: true,
    yticks: powers.filter((_, i) => i % every === 0).map((p) => Number(`1e${p}`)),
    xlabel: "step", ylabel });
  ["training", "validation"].forEach((name, i) => {
    const shown = history.filter(({ losses }) => losses[i] > 0 && losses[i] < 1e9);
    place.svg.append(element("polyline", { class: name, points: line(
      shown.map(({ step }) => frame.sx(step)), shown.map(({ losses }) => frame.sy(losses[i]))) }));
    place.svg.append(element("text", {
      class: name, x: frame.right, y: frame.top + 10 + 16 * i, "text-anchor": "end" }, name));
  });
}

// The network: lines by sign and size of the weight between units, each a picture of what it puts
// out over the inputs. Hidden units can be pointed at or reached by keyboard; `choose(layer, unit)`
// is told, or `choose(null)`.
export function networkPlot(place, sizes, names, choose) {
  const { svg, context, width, height } = place;
  const shown = sizes.map((n) => Math.min(n, SHOWN));
  const column = (width - 48) / sizes.length;
  const gap = shown.map((n) => Math.min(48, column - 8, (height - 4) / n));
  const side = gap.map((g) => g - 4);
  const left = (layer) => 44 + layer * (width - 48 - side.at(-1)) / (sizes.length - 1);
  const box = (layer, unit) => [left(layer),
    height / 2 + (unit - shown[layer] / 2) * gap[layer] + 2, side[layer], side[layer]];
  const units = shown.map((n, layer) => Array.from({ length: n }, (_, unit) => {
    const [x, y, w] = box(layer, unit);
    const node = svg.appendChild(element("rect", { class: "node", x, y, width: w, height: w }));
    if (layer === 0) {
      svg.append(element("text", { x: x - 5, y: y + w / 2 + 4, "text-anchor": "end" }, names[unit]));
    } else if (layer < sizes.length - 1) watch(node, layer, unit, choose);
    return node;
  }));
  // One layer with the lines that lead to it.
  function drawLayer(layer, theta, values) {
    const from = layer && left(layer - 1) + side[layer - 1];
    context.clearRect(from, 0, left(layer) + side[layer] - from, height);
    if (layer) lines(theta[layer - 1], layer);
    const largest = largestOf(values);
    (place.plane ? heat : curves)(place, Array.from({ length: shown[layer] }, (_, unit) => (
      { values: unitValues(values, sizes[layer], unit), box: box(layer, unit), largest })));
  }
  function lines({ W, b }, layer) {
    const largest = largestOf(W);
    for (let i = 0; i < shown[layer - 1]; i++) {
      for (let j = 0; j < shown[layer]; j++) {
        join(place, box(layer - 1, i), box(layer, j), W[i * b.length + j] / largest);
      }
    }
  }
  return {
    // A picture in several parts. `pictures` has the outputs of all layers, the inputs first, as
    // arrays (points, units) by rows.
    * update(theta, pictures, dead) {
      units.flat().forEach((node) => node.classList.remove("dead"));
      dead.forEach(([layer, unit]) => units[layer + 1][unit]?.classList.add("dead"));
      for (const [layer, values] of pictures.entries()) yield drawLayer(layer, theta, values);
    },
  };
}

export const largestOf = (values) => values.reduce((m, v) => Math.max(m, Math.abs(v)), 1e-9);

export const unitValues = (values, units, unit) =>
  Float32Array.from({ length: values.length / units }, (_, i) => values[i * units + unit]);

function watch(node, layer, unit, choose) {
  for (const [name, value] of Object.entries({
    tabindex: 0, role: "img", "aria-label": `unit ${unit + 1} of hidden layer ${layer}` })) {
    node.setAttribute(name, value);
  }
  for (const event of ["pointerenter", "focus"]) {
    node.addEventListener(event, () => choose([layer, unit]));
  }
  for (const event of ["pointerleave", "blur"]) node.addEventListener(event, () => choose(null));
}

// A line from one unit to the next, as wide as the weight, a share of the largest, is large.
function join({ context, positive, negative }, [x1, y1, w1], [x2, y2, w2], weight) {
  if (!(Math.abs(weight) > 0.02)) return;
  context.strokeStyle = weight > 0 ? positive : negative;
  context.lineWidth = 2.5 * Math.abs(weight);
  context.beginPath();
  context.moveTo(x1 + w1, y1 + w1 / 2);
  context.lineTo(x2, y2 + w2 / 2);
  context.stroke();
}
