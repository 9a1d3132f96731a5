// The playground: a form, three pictures and a loop that trains while it plays.

import { asPython } from "./code.js";
import { FUNCTIONS, sample, spaced } from "./data.js";
import { fitPlot, lossPlot, networkPlot } from "./draw.js";
import { deadUnits, start, trainer } from "./model.js";
import {
  ACTIVATIONS, POINT, PRESETS, TARGETS, defaults, fromFragment, parse, size, toFragment, write,
} from "./state.js";

const LIVE = ["lr", "l2"]; // may change while the network trains
const FRAME = 1000 / 60; // milliseconds
const TRAINING = FRAME / 2; // of a frame at most; less where frames come late
const GRID = spaced(101);
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

const picture = (name, label, box) =>
  `<svg class="pg-${name}" viewBox="0 0 ${box}" role="${name === "network" ? "group" : "img"}"
    aria-label="${label}"></svg>`;

const PAGE = `
  <div class="pg-row" role="group" aria-label="Examples">
    ${Object.keys(PRESETS).map((p) => `<button data-preset="${p}">${p}</button>`).join("")}
  </div>
  <form class="pg-form">${Object.keys(LABELS).map(field).join("")}</form>
  <div class="pg-row" role="group" aria-label="Training">
    <button data-do="play">Play</button><button data-do="step">Step</button>
    <button data-do="reset">Reset</button><button data-do="code">Copy as JAX</button>
    <button data-do="link">Copy link</button>
  </div>
  <p class="pg-status" role="status"></p>
  <div class="pg-plots">
    ${picture("fit", "Data and the fitted curve", "400 260")}
    ${picture("loss", "Training and validation loss against the step", "400 260")}
  </div>
  ${picture("network", "The network; arrows are weights", "800 260")}
  <p class="pg-unit"></p>`;

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
    for (const input of this.form.elements) {
      const text = write(input.name, settings[input.name]);
      if (input.options && ![...input.options].some((o) => o.value === text)) {
        input.add(new Option(text));
      }
      input.value = text;
      input.setCustomValidity("");
    }
    history.replaceState(null, "", toFragment(settings) || location.pathname + location.search);
  }

  reset() {
    this.pause();
    this.run?.dispose();
    this.run = null;
    this.history = [];
    this.diverged = false;
    this.choose(null);
    this.data = sample(this.settings);
    const f = FUNCTIONS[this.settings.target];
    this.fit = fitPlot(this.svg.fit, this.data, f && { x: GRID, y: GRID.map(f) });
    this.svg.network.replaceChildren();
    lossPlot(this.svg.loss, []);
    if (size(this.settings) < 2) {
      this.say("Click into the first picture to set at least two points.");
      return;
    }
    this.run = trainer(this.settings, this.data);
    this.network = networkPlot(this.svg.network, this.run.sizes, (unit) => this.choose(unit));
    this.draw();
    this.report();
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

  draw() {
    const losses = this.run.losses();
    this.history.push({ step: this.run.steps, losses });
    if (this.history.length > 400) this.history = this.history.filter((_, i) => i % 2 === 0);
    this.dead = deadUnits(this.run.outputs(this.data.x), this.run.sizes);
    this.network.update(this.run.theta(), this.dead);
    lossPlot(this.svg.loss, this.history);
    this.drawFit();
  }

  drawFit() {
    const outputs = this.run.outputs(GRID);
    const [layer, unit] = this.chosen ?? [];
    const hidden = this.chosen && Array.from(GRID, (_, i) =>
      outputs[layer - 1][i * this.run.sizes[layer] + unit]);
    this.fit.update(GRID, outputs.at(-1), hidden);
  }

  choose(unit) {
    this.chosen = unit;
    this.unitText.textContent = unit
      ? `Unit ${unit[1] + 1} of hidden layer ${unit[0]}: the dashed line in the first picture.`
      : "";
    if (this.run) this.drawFit();
  }

  step() {
    this.diverged = !Number.isFinite(this.run.step(this.settings));
    if (this.diverged) this.pause();
    return !this.diverged;
  }

  play() {
    this.playing = true;
    this.button("play").textContent = "Pause";
    let [spoken, before, budget] = [performance.now(), performance.now(), TRAINING];
    const frame = (now) => {
      if (!this.playing) return;
      budget = now - before > 1.2 * FRAME ? 0.8 * budget : Math.min(TRAINING, budget + 0.1);
      before = now;
      const end = performance.now() + budget;
      while (this.step() && performance.now() < end);
      this.draw();
      if (!this.playing || performance.now() > spoken + 2000) {
        spoken = performance.now();
        this.report();
      }
      if (this.playing) requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }

  pause() {
    if (this.playing) this.button("play").textContent = "Play";
    this.playing = false;
  }

  button(name) {
    return this.root.querySelector(`[data-do="${name}"]`);
  }

  changed(input) {
    try {
      const settings = { ...this.settings, [input.name]: parse(input.name, input.value) };
      if (settings.batch !== "all" && settings.batch > size(settings)) {
        if (input.name === "batch") throw new Error(`at most ${size(settings)}, or all`);
        settings.batch = "all";
      }
      input.setCustomValidity("");
      if (LIVE.includes(input.name)) this.show(settings);
      else this.set(settings);
    } catch (error) {
      input.setCustomValidity(`${LABELS[input.name]} must be ${error.message}`);
      input.reportValidity();
      this.say(input.validationMessage);
    }
  }

  clicked({ dataset }) {
    if (dataset?.preset) return this.set({ ...defaults(), ...PRESETS[dataset.preset] });
    const actions = {
      play: () => (this.playing ? (this.pause(), this.report()) : this.run && this.play()),
      step: () => this.run && (this.pause(), this.step(), this.draw(), this.report()),
      reset: () => this.reset(),
      code: () => this.copy(asPython(this.settings, this.run?.steps || 2000), "The cell"),
      link: () => this.copy(location.href, "The link"),
    };
    return actions[dataset?.do]?.();
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
