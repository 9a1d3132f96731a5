// What the pieces are built from: elements, sliders, and lines that are read aloud.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name.replace(/^on/, ""), value);
    else if (value !== false && value != null) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children);
  return node;
}

// An element: h("button", { onclick: f, disabled: true, "aria-label": "..." }, "text", node).
export const h = (tag, attributes = {}, ...children) =>
  fill(document.createElement(tag), attributes, children);

// The same for elements of a picture.
export const svg = (tag, attributes = {}, ...children) =>
  fill(document.createElementNS(SVG, tag), attributes, children);

// A slider with its label and its value in words: { element, value(), set(number) }.
export function slider({ label, min, max, step, value, onInput, format = String }) {
  const input = h("input", { type: "range", min, max, step, value });
  const shown = h("span", { class: "live-value", "aria-hidden": "true" });
  const show = () => {
    shown.textContent = format(Number(input.value));
    input.setAttribute("aria-valuetext", shown.textContent);
  };
  input.addEventListener("input", () => {
    show();
    onInput?.(Number(input.value));
  });
  show();
  return {
    element: h("label", { class: "live-slider" }, h("span", {}, label), shown, input),
    value: () => Number(input.value),
    set(number) {
      input.value = number;
      show();
    },
  };
}

// A line that screen readers read aloud: { element, say(text) }. It waits until nothing new has
// been said for `quiet` milliseconds, so that only the last of many texts is heard. What is said
// before the line is in the page stands there at once, and is not read aloud.
export function status({ quiet = 400, ...attributes } = {}) {
  const element = h("p", { class: "live-status", role: "status", ...attributes });
  let timer;
  return {
    element,
    say(text) {
      clearTimeout(timer);
      timer = setTimeout(() => {
        if (element.textContent !== text) element.textContent = text;
      }, quiet);
      if (!element.isConnected) element.textContent = text;
    },
  };
}

// Calls `draw` once in the next frame, however often it is asked for before.
export function perFrame(draw) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      draw();
    });
  };
}
