// The playground: a form, three pictures and a loop that trains while it plays.

import { asPython } from "./code.js";
import { FEATURES, FUNCTIONS, design, lattice, sample, spaced } from "./data.js";
import {
  largestOf, linePlot, lossPlot, networkPlot, planePlot, surface, unitValues,
} from "./draw.js";
import { deadUnits, start, trainer } from "./model.js";
import {
  ACTIVATIONS, POINT, PRESETS, TARGETS, consistent, defaults, featuresOf, fromFragment, inPlane,
  parse, size, toFragment, write,
} from "./state.js";

const LIVE = ["lr", "l2"]; // may change while the network trains
const FRAME = 1000 / 60; // milliseconds
const TRAINING = FRAME / 2; // of a frame at most; less where frames come late
const GRIDS = { line: spaced(101), plane: lattice(31) };
const LABELS = {
  target: "Data", n: "Observations", noise: "Noise", layers: "Hidden units",
  sigma: "Activation", lr: "Learning rate", batch: "Batch size", l2: "L2 penalty", seed: "Seed",
};
const CHOICES = {
  target: TARGETS, sigma: ACTIVATIONS, batch: ["all", "8", "32", "128"],
  lr: ["0.0001", "0.0003", "0.001", "0.003", "0.01", "0.03", "0.05", "0.1", "0.2", "0.3", "1"],
};

function field(name) {
  const options = CHOICES[name]?.map((choice) => `<option>${choice}</option>`).join("");
  const input = options
    ? `<select name="${name}">${options}</select>`
    : `<input name="${name}" size="8" autocomplete="off"
        ${name === "layers" ? "" : 'inputmode="decimal"'}>`;
  return `<label>${LABELS[name]} ${input}</label>`;
}

const feature = (name) =>
  `<label data-feature="${name}"><input type="checkbox" name="features" value="${name}">
    <span>${FEATURES[name][0]}</span></label>`;

const picture = (name, label) =>
  `<div class="pg-picture">${name === "loss" ? "" : "<canvas></canvas>"}
    <svg class="pg-${name}" role="${name === "network" ? "group" : "img"}"
      aria-label="${label}"></svg></div>`;

const PAGE = `
  <div class="pg-head">
    <div class="pg-row" role="group" aria-label="Training">
      <button data-do="play">Play</button><button data-do="step">Step</button>
      <button data-do="reset">Reset</button>
    </div>
    <p class="pg-status" role="status"></p>
  </div>
  <div class="pg-plots">
    ${picture("fit", "Data and what the network makes of them")}
    ${picture("network", "The network; lines are weights, squares are units")}
    ${picture("loss", "Training and validation loss against the step")}
  </div>
  <p class="pg-unit"></p>
  <div class="pg-foot">
    <div class="pg-row" role="group" aria-label="Examples">
      ${Object.keys(PRESETS).map((p) => `<button data-preset="${p}">${p}</button>`).join("")}
    </div>
    <div class="pg-row" role="group" aria-label="To take along">
      <button data-do="code">Copy as JAX</button><button data-do="link">Copy link</button>
    </div>
  </div>
  <form class="pg-form">${Object.keys(LABELS).map(field).join("")}
    <fieldset class="pg-features"><legend>Inputs</legend>
      ${Object.keys(FEATURES).map(feature).join("")}</fieldset></form>`;

const NO_WASM = "This browser has no WebAssembly, which the playground needs. " +
  "The picture below shows what it does.";

class Playground {
  constructor(root) {
    this.root = root;
    root.innerHTML = PAGE;
    const find = (selector) => root.querySelector(selector);
    this.svg = { fit: find(".pg-fit"), loss: find(".pg-loss"), network: find(".pg-network") };
    [this.form, this.status, this.unitText] =
      [".pg-form", ".pg-status", ".pg-unit"].map(find);
    root.addEventListener("click", (event) => this.clicked(event.target));
    this.form.addEventListener("change", (event) => this.changed(event.target));
    this.form.addEventListener("submit", (event) => event.preventDefault());
    this.svg.fit.addEventListener("click", (event) => this.addPoint(event));
    new ResizeObserver(() => this.layout()).observe(this.svg.network);
    new MutationObserver(() => this.layout()).observe(document.documentElement,
      { attributeFilter: ["data-theme"] });
    window.addEventListener("hashchange", () => this.load(location.hash));
    this.load(location.hash);
  }

  load(fragment) {
    const [settings, complaints] = fromFragment(fragment);
    this.set(settings);
    if (complaints.length) {
      this.say(`The address was not understood: ${complaints.join("; ")}. The default is used.`);
    }
  }

  // New settings: a new sample, new parameters, step 0.
  set(settings) {
    this.show(settings);
    this.reset();
  }

  // Settings into the form and the address.
  show(settings) {
    this.settings = settings;
    for (const input of this.form.querySelectorAll("[name]")) {
      if (input.name === "features") this.showFeature(input);
      else this.showValue(input);
      input.setCustomValidity("");
    }
    history.replaceState(null, "", toFragment(settings) || location.pathname + location.search);
  }

  showValue(input) {
    const text = write(input.name, this.settings[input.name]);
    if (input.options && ![...input.options].some((o) => o.value === text)) {
      input.add(new Option(text));
    }
    input.value = text;
  }

  showFeature(input) {
    input.checked = this.settings.features.includes(input.value);
    input.parentNode.hidden = !featuresOf(this.settings).includes(input.value);
    input.nextElementSibling.textContent = this.nameOf(input.value);
  }

  nameOf(feature) {
    const [name] = FEATURES[feature];
    return inPlane(this.settings) ? name : name.replace("₁", "");
  }

  reset() {
    this.pause();
    this.run?.dispose();
    this.run = this.pictures = null;
    this.history = [];
    this.diverged = false;
    this.data = sample(this.settings);
    this.grid = GRIDS[inPlane(this.settings) ? "plane" : "line"];
    if (size(this.settings) > 1) this.run = trainer(this.settings, this.data, this.grid);
    this.layout();
    if (this.run) this.report();
    else this.say("Click into the first picture to set at least two points.");
  }

  // Pictures for these data and this room.
  layout() {
    const { settings: { target, features }, data, grid } = this;
    const plane = inPlane(this.settings);
    const [fit, loss, network] = ["fit", "loss", "network"].map((name) => surface(this.svg[name]));
    const f = FUNCTIONS[target];
    this.fit = plane ? planePlot(fit, data) : linePlot(fit, data, grid, f && grid.map(([x]) => f(x)));
    this.loss = loss;
    this.inputs = Float32Array.from(design(features, grid).flat());
    this.network = this.run && networkPlot({ ...network, plane }, this.run.sizes,
      features.map((name) => this.nameOf(name)), (unit) => this.choose(unit));
    this.choose(null);
    if (this.run) this.draw();
    else lossPlot(loss, [], "");
  }

  say(text) {
    if (this.status.textContent !== text) this.status.textContent = text;
  }

  report() {
    const [training, validation] = this.run.losses();
    const number = (v) => (Number.isFinite(v) ? Number(v.toPrecision(3)) : "not a number");
    const dead = this.dead.length
      ? ` ${this.dead.length} hidden units are dead: zero at every observation.` : "";
    this.say(`Step ${this.run.steps}: training loss ${number(training)}` +
      (validation === null ? "." : `, validation loss ${number(validation)}.`) + dead +
      (this.diverged ? " Gradient descent has diverged; lower the learning rate." : ""));
  }

  // The losses at this step, for the picture of them.
  note() {
    if (this.history.at(-1)?.step === this.run.steps) return;
    this.history.push({ step: this.run.steps, losses: this.run.losses() });
    if (this.history.length > 400) this.history = this.history.filter((_, i) => i % 2 === 0);
  }

  draw() {
    this.drawing = null; // in the midst of older pictures
    for (const _ of this.parts());
  }

  // All pictures, in parts of which none takes long.
  * parts() {
    const plane = inPlane(this.settings);
    yield this.note();
    this.dead = deadUnits(this.run.outputs("data"), this.run.sizes);
    yield lossPlot(this.loss, this.history, plane ? "logistic loss" : "mean squared error");
    const pictures = [this.inputs, ...this.run.outputs("grid")];
    if (plane) pictures.push(pictures.pop().map((z) => Math.tanh(z / 2))); // 2p - 1
    this.pictures = pictures;
    yield this.drawFit();
    yield* this.network.update(this.run.theta(), pictures, this.dead);
  }

  drawFit() {
    const [layer, unit] = this.chosen ?? [];
    const values = this.chosen && this.pictures[layer];
    const hidden = values && unitValues(values, this.run.sizes[layer], unit);
    this.fit.update(this.pictures.at(-1), hidden, values && largestOf(values));
  }

  choose(unit) {
    this.chosen = unit;
    const shown = inPlane(this.settings) ? "what it puts out is in" : "the dashed line in";
    this.unitText.textContent = unit
      ? `Unit ${unit[1] + 1} of hidden layer ${unit[0]}: ${shown} the first picture.` : "";
    if (this.pictures) this.drawFit();
  }

  step() {
    this.diverged = !Number.isFinite(this.run.step(this.settings));
    if (this.diverged) this.pause();
    return !this.diverged;
  }

  stop() {
    this.pause();
    this.draw();
    this.report();
  }

  // In each frame some steps, and as much of the pictures as there is time for. Where frames come
  // late there are fewer of both, in the end one step or one part of the pictures by turns.
  play() {
    this.playing = true;
    this.button("play").textContent = "Pause";
    let [spoken, before, budget, turn] = [performance.now(), performance.now(), TRAINING, false];
    const frame = (now) => {
      if (!this.playing) return;
      budget = now - before > 1.2 * FRAME ? 0.8 * budget : Math.min(TRAINING, budget + 0.1);
      before = now;
      const [late, end] = [budget < 1, performance.now() + budget];
      turn = !turn;
      if (!late || turn) while (this.step() && performance.now() < end);
      if (!late || !turn) this.drawFor(budget);
      if (!this.playing || performance.now() > spoken + 2000) {
        spoken = performance.now();
        if (!this.playing) this.draw();
        this.report();
      }
      if (this.playing) requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }

  drawFor(time) {
    const end = performance.now() + time;
    this.drawing ??= this.parts();
    while (!this.drawing.next().done) if (performance.now() > end) return;
    this.drawing = null;
  }

  pause() {
    if (this.playing) this.button("play").textContent = "Play";
    this.playing = false;
  }

  button(name) {
    return this.root.querySelector(`[data-do="${name}"]`);
  }

  text(input) {
    const ticked = () => [...this.form.querySelectorAll("[name=features]:checked")];
    return input.name === "features" ? ticked().map(({ value }) => value).join("-") : input.value;
  }

  changed(input) {
    try {
      const given = { ...this.settings, [input.name]: parse(input.name, this.text(input)) };
      const settings = consistent(given);
      if (input.name === "batch" && settings.batch !== given.batch) {
        throw new Error(`at most ${size(settings)}, or all`);
      }
      input.setCustomValidity("");
      if (LIVE.includes(input.name)) this.show(settings);
      else this.set(settings);
    } catch (error) {
      input.setCustomValidity(`${LABELS[input.name] ?? "Inputs"} must be ${error.message}`);
      input.reportValidity();
      this.say(input.validationMessage);
    }
  }

  clicked({ dataset }) {
    if (dataset?.preset) return this.preset(PRESETS[dataset.preset]);
    const actions = {
      play: () => this.run && (this.playing ? this.stop() : this.play()),
      step: () => this.run && (this.step(), this.stop()),
      reset: () => this.reset(),
      code: () => this.copy(asPython(this.settings, this.run?.steps || 2000), "The cell"),
      link: () => this.copy(location.href, "The link"),
    };
    return actions[dataset?.do]?.();
  }

  preset(changes) {
    this.set({ ...defaults(changes.target), ...changes });
  }

  async copy(text, what) {
    try {
      await navigator.clipboard.writeText(text);
      this.say(`${what} is in the clipboard.`);
    } catch {
      window.prompt(`${what}, to copy:`, text);
    }
  }

  addPoint(event) {
    if (this.settings.target !== "points") return;
    const at = new DOMPoint(event.clientX, event.clientY)
      .matrixTransform(this.svg.fit.getScreenCTM().inverse());
    const point = this.fit.toData(at.x, at.y).map((v) => Number(v.toFixed(2)));
    const outside = ([low, high], value) => value < low || value > high;
    if (outside(POINT.x, point[0]) || outside(POINT.y, point[1])) return;
    this.set({ ...this.settings, points: [...this.settings.points, point] });
  }
}

const root = document.getElementById("playground-app");
if (root) {
  start().then(() => { window.playground = new Playground(root); },
    () => {
      root.textContent = NO_WASM;
      root.style.minHeight = 0;
    });
}
