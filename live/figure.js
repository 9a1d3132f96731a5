// A plot for all pieces: axes, lines, cells, a key, and handles that mouse, finger and keys move.

import { svg } from "./dom.js";

// A number in words: few digits, none that says nothing, and a minus sign as long as a plus.
export const words = (v, digits = 2) => String(Number(v.toFixed(digits))).replace("-", "−");

// From the numbers of an axis, low to high in the picture, to places in it, and back.
function scale({ from, to, log }, low, high) {
  const [f, g] = log ? [Math.log, Math.exp] : [(v) => v, (v) => v];
  const ratio = (high - low) / (f(to) - f(from));
  return { to: (v) => low + (f(v) - f(from)) * ratio, back: (p) => g(f(from) + (p - low) / ratio) };
}

const within = (v, { from, to }) => Math.min(Math.max(from, to), Math.max(Math.min(from, to), v));

// Axes { from, to, ticks, label, log }, a tick being a number or [number, its words]; `box` are the
// plot's left, right, top and bottom in a picture of width and height `size`. What is added to
// `inside` is cut at the axes. With handles the role is that of a group, else that of an image.
export function figure({ label, x, y, name = "", role = "group", size = [400, 272],
  box = [62, 392, 10, 232] }) {
  const [left, right, top, bottom] = box;
  const [middle, centre] = [(left + right) / 2, (top + bottom) / 2];
  const [h, v] = [scale(x, left, right), scale(y, bottom, top)];
  const [sx, sy] = [h.to, v.to];
  const text = (at, anchor, content) =>
    svg("text", { ...at, "text-anchor": anchor, "aria-hidden": "true" }, content);
  const ticks = ({ ticks = [] }) => ticks.map((tick) => (Array.isArray(tick) ? tick
    : [tick, words(tick)]));
  const part = { x: left, y: top, width: right - left, height: bottom - top };
  const inside = svg("svg", { ...part, viewBox: Object.values(part).join(" "),
    "aria-hidden": "true" });
  const element = svg("svg", { class: `fig ${name}`.trim(), viewBox: `0 0 ${size.join(" ")}`, role,
    "aria-label": label },
  ...(x.ticks ? [svg("path", { class: "fig-axis", d: `M${left},${top}V${bottom}H${right}` })] : []),
  ...ticks(x).map(([a, said]) => text({ x: sx(a), y: bottom + 17 },
    sx(a) > right - 8 ? "end" : "middle", said)),
  ...ticks(y).map(([a, said]) => text({ x: left - 6, y: sy(a) + 5 }, "end", said)),
  ...(x.label ? [text({ x: middle, y: bottom + 36 }, "middle", x.label)] : []),
  ...(y.label ? [text({ transform: `translate(13 ${centre}) rotate(-90)` }, "middle", y.label)]
    : []), inside);

  const path = (xs, ys) => Array.from(xs, (a, i) => `${i ? "L" : "M"}${sx(a).toFixed(1)},${
    sy(ys[i]).toFixed(1)}`).join("");

  // A line of this class, with dots if wished: { node, draw(xs, ys) }.
  function line(kind, dotted = false) {
    const node = inside.appendChild(svg("path", { class: kind }));
    const dots = dotted && inside.appendChild(svg("path", { class: `${kind} fig-dots` }));
    return { node, draw(xs, ys) {
      const to = path(xs, ys);
      node.setAttribute("d", to);
      if (dots) dots.setAttribute("d", to.replace(/[ML]([^ML]+)/g, "M$1h0"));
    } };
  }

  // What the lines are, from entries [class, words], at a place of the picture.
  function key(entries, at) {
    element.append(...entries.map(([kind, said], i) => svg("g", {},
      svg("path", { class: kind, d: `M${at[0]},${at[1] + 19 * i}h30` }),
      text({ x: at[0] + 38, y: at[1] + 5 + 19 * i }, "start", said))));
  }

  // Rows and columns of cells about the whole numbers from 0 on. The function that is returned
  // shades them by values, row by row: blue, or of class `high`, above zero, and orange below.
  function cells(rows, columns, high = "fig-high") {
    const all = Array.from({ length: rows * columns }, (_, i) => inside.appendChild(svg("rect", {
      x: sx((i % columns) - 0.5), y: sy(Math.floor(i / columns) - 0.5),
      width: sx(1) - sx(0), height: sy(1) - sy(0) })));
    return (values, largest = 1) => all.forEach((cell, i) => {
      const share = Math.min(1, Math.abs(values[i]) / largest);
      cell.setAttribute("class", `fig-cell ${values[i] < 0 ? "fig-low" : high}`);
      cell.setAttribute("fill-opacity", share.toFixed(3));
    });
  }

  const handles = [];

  // A point that the reader moves: arrow keys by `step`, and mouse and finger to its multiples, or
  // to what `limit` makes of a place. It is read aloud as `says(place)`, and tells `onMove(place)`.
  function handle({ label: its, at, step, says, onMove, mark = "", kind = "",
    limit = ([a, b]) => [within(a, x), within(b, y)],
    shape = svg("circle", { r: 11, class: kind }) }) {
    let place;
    const snap = (a, i) => (step[i] ? Math.round(a / step[i]) * step[i] : a);
    const node = svg("g", { class: "fig-handle", tabindex: 0, role: "slider", "aria-label": its,
      "aria-valuemin": Math.min(x.from, x.to), "aria-valuemax": Math.max(x.from, x.to) },
    svg("circle", { class: "fig-touch", r: 22 }), shape,
    svg("text", { y: 5, "text-anchor": "middle", "aria-hidden": "true" }, mark));
    const pixels = () => [sx(place[0]), sy(place[1])];
    function set(to) {
      place = limit(to.map(snap));
      node.setAttribute("transform", `translate(${pixels()})`);
      node.setAttribute("aria-valuenow", Number(place[0].toFixed(3)));
      node.setAttribute("aria-valuetext", says(place));
    }
    function move(to) {
      set(to);
      onMove(place);
    }
    const keys = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    node.addEventListener("keydown", (event) => {
      const by = keys[event.key];
      if (!by || event.altKey || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      const [across, up] = step[1] ? by : [by[0] + by[1], 0]; // on a line, up is on
      const far = (axis) => (event.shiftKey ? 5 : 1) * Math.sign(axis.to - axis.from);
      move([place[0] + across * step[0] * far(x), place[1] + up * step[1] * far(y)]);
    });
    let grip; // from the pointer to the handle's middle
    node.addEventListener("pointerdown", (event) => {
      node.setPointerCapture(event.pointerId);
      grip = pointer(event).map((p, i) => pixels()[i] - p);
    });
    node.addEventListener("pointermove", (event) => {
      if (!node.hasPointerCapture(event.pointerId)) return;
      const [a, b] = pointer(event).map((p, i) => p + grip[i]);
      move([h.back(a), v.back(b)]);
    });
    set(at);
    element.append(node);
    handles.push({ node, pixels, move });
    return { node, set, at: () => place };
  }

  function pointer({ clientX, clientY }) {
    const { x: a, y: b } = new DOMPoint(clientX, clientY)
      .matrixTransform(element.getScreenCTM().inverse());
    return [a, b];
  }

  // A click or a tap beside the handles brings the nearest one there.
  element.addEventListener("click", (event) => {
    if (!handles.length || event.target.closest(".fig-handle")) return;
    const at = pointer(event);
    const far = ({ pixels }) => Math.hypot(...pixels().map((p, i) => p - at[i]));
    const nearest = handles.reduce((a, b) => (far(b) < far(a) ? b : a));
    nearest.node.focus({ preventScroll: true });
    nearest.move([h.back(at[0]), v.back(at[1])]);
  });

  return { element, inside, sx, sy, path, line, key, cells, handle };
}
