// Draw a digit and see what the network makes of it.

import { PLACES, SIDE, network, prepare, scan } from "./digits_net.js";
import { h, perFrame, status, svg } from "./dom.js";
import { read } from "./weights.js";

const PAPER = 280; // units of a side
const KEYS = { ArrowLeft: [-10, 0], ArrowRight: [10, 0], ArrowUp: [0, -10], ArrowDown: [0, 10] };

// Corners of the strokes of ten digits, in tens of units.
const EXAMPLES = [
  "15,4 10,5 7,14 9,23 14,25 20,22 21,12 18,5 14,4", "15,4 14,25",
  "8,9 11,4 18,4 20,10 14,18 7,25 7,25 22,24",
  "8,5 15,3 20,6 19,11 12,13 12,13 20,15 20,22 14,25 7,23",
  "16,4 7,18 7,18 22,17|17,12 16,25", "20,4 10,4 10,4 9,13 9,13 16,12 21,16 19,23 13,25 8,23",
  "18,4 11,9 8,18 11,25 18,24 20,18 15,15 9,19", "8,5 21,5 21,5 15,15 13,25",
  "19,7 14,4 9,8 12,13 20,17 19,24 13,25 8,21 12,16 18,12 20,8",
  "20,9 15,4 9,7 9,13 14,15 19,11 20,7 20,7 19,17 16,25"];

// Cuts the corners of a line three times; where a point stands twice, the corner stays.
function rounded(points, times = 3) {
  if (times === 0) return points;
  const between = points.slice(1).flatMap((b, i) => [0.25, 0.75].map((share) =>
    b.map((v, axis) => (1 - share) * points[i][axis] + share * v)));
  return rounded([points[0], ...between, points.at(-1)], times - 1);
}

const example = (digit) => EXAMPLES[digit].split("|").map((stroke) =>
  rounded(stroke.split(" ").map((pair) => pair.split(",").map((v) => 10 * v))));

const percent = (p) => (p < 0.01 ? "less than 1 per cent"
  : p > 0.99 ? "more than 99 per cent" : `${Math.round(100 * p)} per cent`);

const nextFrame = () => new Promise(requestAnimationFrame);

// n x n cells of a small picture; show(values, largest) shades them.
function layer(n, start, name) {
  const cells = Array.from({ length: n * n }, (_, i) => svg("rect", {
    x: start + (i % n), y: start + Math.floor(i / n), width: 1, height: 1 }));
  const show = (values, largest = 1) => cells.forEach((cell, i) => {
    cell.setAttribute("class", values?.[i] > 0 ? "positive" : "negative");
    cell.setAttribute("fill-opacity", (Math.abs(values?.[i] ?? 0) / largest).toFixed(3));
  });
  show(null);
  return { element: svg("g", { class: name }, ...cells), show };
}

// A small picture with words under it.
const picture = (words, ...layers) => h("div", { class: "digits-small" },
  svg("svg", { viewBox: `0 0 ${SIDE} ${SIDE}`, role: "img", "aria-label": words }, ...layers),
  h("span", { "aria-hidden": "true" }, words));

export async function start(root, model) {
  const net = network(read(model));
  let [digit, strokes, isExample] = [3, example(3), true]; // a stroke is a list of points [x, y]
  let pen = { at: [PAPER / 2, PAPER / 2], down: false };
  let [frame, answer, seen, looking] = [null, 0, null, false];

  const ink = svg("path", { class: "digits-ink" });
  const tip = svg("circle", { class: "digits-tip", r: 9 });
  const paper = svg("svg", {
    class: "digits-paper", viewBox: `0 0 ${PAPER} ${PAPER}`, tabindex: 0, role: "application",
    "aria-label": "Paper to draw on. Arrow keys move the pen, Space sets it down or lifts it.",
  }, ink, tip);
  const [given, faint, map] = [layer(SIDE, 0), layer(SIDE, 0), layer(PLACES, 1, "digits-map")];
  const looked = picture("what it looked at", faint.element, map.element);
  const bars = Array.from({ length: 10 }, (_, i) => h("li", {}, h("b", {}, i), h("i"), h("span")));
  const said = status({ quiet: 600 });
  const wanted = h("input", { type: "checkbox", checked: true, onchange() {
    looked.classList.toggle("off", !wanted.checked);
    look();
  } });
  const button = (text, onclick) => h("button", { type: "button", onclick }, text);

  function show() {
    ink.setAttribute("d", strokes.map((points) => `M${points.join("L")}L${points.at(-1)}`).join(""));
    tip.setAttribute("transform", `translate(${pen.at})`);
    tip.classList.toggle("down", pen.down);
    frame = strokes.length ? prepare(scan(strokes)) : null;
    const p = frame ? Array.from(net.logProbabilities(frame), Math.exp) : Array(10).fill(0);
    const [first, second] = p.map((_, i) => i).sort((i, j) => p[j] - p[i]);
    answer = first;
    bars.forEach((bar, i) => {
      bar.style.setProperty("--share", p[i]);
      bar.lastChild.textContent = `${Math.round(100 * p[i])} %`;
      bar.classList.toggle("first", frame !== null && i === first);
    });
    given.show(frame);
    faint.show(frame, 3);
    said.say((pen.down ? "The pen is down. " : "") + (frame
      ? `The network reads ${first} (${percent(p[first])}), then ${second} (${percent(p[second])}).`
      : "The paper is empty."));
    look();
  }
  const draw = perFrame(show);

  // Covers one line of places in each frame, so that the pen does not wait for the map.
  async function look() {
    if (looking) return;
    looking = true;
    while (wanted.checked && seen !== frame) {
      const [now, of, falls] = [frame, answer, []];
      const before = now && net.logProbabilities(now)[of];
      for (let top = 0; now && top < PLACES; top++) {
        await nextFrame();
        falls.push(...net.covered(now, top).filter((_, i) => i % 10 === of).map((v) => before - v));
      }
      seen = now;
      map.show(frame && falls, Math.max(0.5, ...falls.map(Math.abs)));
      const most = falls.indexOf(Math.max(...falls));
      looked.firstChild.setAttribute("aria-label", `what it looked at: ${now ? `the ${of} depends ` +
        `most on the cells around line ${Math.floor(most / PLACES) + 2}, column ${
          (most % PLACES) + 2} of ${SIDE}` : "nothing"}`);
    }
    looking = false;
  }

  function write(lines, fromExamples = false) {
    [strokes, isExample, pen.down] = [lines, fromExamples, false];
    draw();
  }

  // The first point of a new stroke; an example makes room for it.
  function setDown(at) {
    if (isExample) write([]);
    pen = { at, down: true };
    strokes.push([at]);
    draw();
  }

  function moveTo(point) {
    pen.at = point.map((v) => Math.min(PAPER - 8, Math.max(8, v)));
    const [x, y] = strokes.at(-1)?.at(-1) ?? [];
    if (pen.down && Math.hypot(pen.at[0] - x, pen.at[1] - y) > 1) strokes.at(-1).push(pen.at);
    draw();
  }

  function lift() {
    pen.down = false;
    draw();
  }

  function place({ clientX, clientY }) {
    const { left, top, width, height } = paper.getBoundingClientRect();
    return [(PAPER * (clientX - left)) / width, (PAPER * (clientY - top)) / height];
  }

  const held = new Set(); // two arrows at once move the pen aslant
  const on = (names, act) => names.split(" ").forEach((name) => paper.addEventListener(name, act));
  on("pointerdown", (event) => {
    if (!event.isPrimary || event.button !== 0) return;
    paper.setPointerCapture(event.pointerId);
    setDown(place(event));
  });
  on("pointermove", (event) => {
    if (!event.isPrimary || !paper.hasPointerCapture(event.pointerId)) return;
    const each = event.getCoalescedEvents?.() ?? [];
    (each.length ? each : [event]).forEach((part) => moveTo(place(part)));
  });
  on("pointerup pointercancel", ({ isPrimary }) => isPrimary && lift());
  on("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === " " && !event.repeat) {
      if (pen.down) lift();
      else setDown(pen.at);
    } else if (event.key in KEYS) {
      held.add(event.key);
      moveTo([0, 1].map((axis) => [...held].reduce((v, key) => v + KEYS[key][axis], pen.at[axis])));
    }
    if (event.key === " " || event.key in KEYS) event.preventDefault();
  });
  on("keyup", ({ key }) => held.delete(key));
  on("blur", () => {
    held.clear();
    lift();
  });

  show();
  root.replaceChildren(
    h("div", { class: "live-row" }, button("Clear", () => write([])),
      button("Another example", () => {
        digit = (digit + 1) % 10;
        write(example(digit), true);
      }), h("label", {}, wanted, " Show what it looked at")),
    h("div", { class: "digits-parts" }, paper,
      h("div", { class: "digits-pictures" }, picture("what it is given", given.element), looked),
      h("ul", { class: "digits-bars", "aria-label": "Probabilities" }, ...bars)),
    said.element);
}
