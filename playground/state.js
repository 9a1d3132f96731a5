// The settings of the playground, their limits, and how they travel in the address of the page.

import { FEATURES, FUNCTIONS, PATTERNS } from "./data.js";

export const TARGETS = [...Object.keys(FUNCTIONS), "points", ...Object.keys(PATTERNS)];
export const ACTIVATIONS = ["tanh", "relu", "sigmoid", "square"];
export const POINT = { x: [0, 5], y: [-1.5, 4] }; // the drawing area, in units of x and y

// Whether the data are classes in the plane, and which features there are with one x or with two.
export const inPlane = ({ target }) => target in PATTERNS;
export const featuresOf = (settings) => Object.keys(FEATURES).filter(
  (name) => inPlane(settings) || !name.includes("x2"));
const plain = (settings) => (inPlane(settings) ? ["x1", "x2"] : ["x1"]);

const between = (low, high) => (text) => {
  const value = Number(text.replace(",", ".")); // some keypads have the decimal comma alone
  if (text.trim() === "" || !(value >= low && value <= high)) {
    throw new Error(`a number from ${low} to ${high}`);
  }
  return value;
};

const whole = (low, high) => (text) => {
  const value = Number(text);
  if (text.trim() === "" || !Number.isInteger(value) || value < low || value > high) {
    throw new Error(`a whole number from ${low} to ${high}`);
  }
  return value;
};

const oneOf = (names) => (text) => {
  if (!names.includes(text)) throw new Error(`one of ${names.join(", ")}`);
  return text;
};

const widths = (text) => {
  const sizes = text.split("-");
  try {
    if (sizes.length < 7) return sizes.map(whole(1, 64));
  } catch {} // the same remedy
  throw new Error("one to six widths from 1 to 64, such as 10-10-10");
};

const features = (text) => {
  if (text === "") throw new Error("one or more");
  const given = text.split("-").map(oneOf(Object.keys(FEATURES)));
  return Object.keys(FEATURES).filter((name) => given.includes(name));
};

const batch = (text) => (text === "all" ? text : whole(1, 400)(text));

const points = (text) =>
  text === "" ? [] : text.split("_").map((pair) => {
    const [x, y] = pair.split("~");
    return [between(...POINT.x)(x), between(...POINT.y)(y ?? "")];
  });

const join = (value) => (Array.isArray(value[0]) ? value.map((p) => p.join("~")).join("_")
  : Array.isArray(value) ? value.join("-") : String(value));

// name: [default, as text -> value; throws what would be allowed]
export const SETTINGS = {
  target: ["curve", oneOf(TARGETS)],
  n: [400, whole(2, 400)], // observations
  noise: [0.2, between(0, 2)], // standard deviation, in units of y
  features: [["x1"], features], // inputs of the network; in the plane x1 and x2 unless chosen
  layers: [[10, 10, 10], widths], // hidden units
  sigma: ["tanh", oneOf(ACTIVATIONS)],
  lr: [0.03, between(1e-5, 10)],
  batch: ["all", batch],
  l2: [0, between(0, 1)],
  seed: [0, whole(0, 999999)],
  points: [[], points],
};

export function defaults(target = "curve") {
  const settings = Object.fromEntries(
    Object.entries(SETTINGS).map(([name, [value]]) => [name, value]));
  return { ...settings, target, features: plain({ target }) };
}

// A setting from text, as a form or an address has it.
export const parse = (name, text) => SETTINGS[name][1](text);

export const write = (name, value) => join(value);

// Settings that fit together: no more rows in a batch than there are, features of these data.
export function consistent(settings, complain = () => {}) {
  const { batch, features } = settings;
  const known = features.every((name) => featuresOf(settings).includes(name));
  const few = batch !== "all" && batch > size(settings);
  if (few) complain(`batch = ${batch} exceeds the ${size(settings)} observations`);
  if (!known) complain(`features = ${join(features)} are not of these data`);
  return {
    ...settings, batch: few ? "all" : batch, features: known ? features : plain(settings) };
}

// [settings, complaints] of an address's fragment; what is not valid keeps its default.
export function fromFragment(fragment) {
  const given = {};
  const complaints = [];
  for (const [name, text] of new URLSearchParams(fragment.replace(/^#/, ""))) {
    if (!(name in SETTINGS)) {
      complaints.push(`${name} is not a setting`);
      continue;
    }
    try {
      given[name] = parse(name, text);
    } catch (error) {
      complaints.push(`${name} = ${text} must be ${error.message}`);
    }
  }
  const settings = { ...defaults(given.target), ...given };
  return [consistent(settings, (words) => complaints.push(words)), complaints];
}

export function toFragment(settings) {
  const changed = Object.entries({ ...defaults(settings.target), target: "curve" })
    .filter(([name, value]) => join(settings[name]) !== join(value))
    .map(([name]) => [name, join(settings[name])]);
  return changed.length ? `#${new URLSearchParams(changed)}` : "";
}

// The number of observations.
export const size = (settings) =>
  settings.target === "points" ? settings.points.length : settings.n;

export const PRESETS = {
  "Overfitting": { n: 20, noise: 0.5, layers: [32, 32], lr: 0.05 },
  "Divergence": { lr: 0.3 },
  "Dead ReLU": { layers: [8], sigma: "relu", lr: 0.2 },
  "Polynomial": { target: "wave", noise: 0.1, layers: [4], sigma: "square", lr: 0.003 },
  "Circles": { target: "circles", layers: [8], lr: 0.3 },
  "Spiral": { target: "spiral", noise: 0.1, layers: [16, 16], lr: 0.3 },
};
