// The network, its loss and one step of gradient descent, as in dl_core, written with jax-js.
//
// jax-js counts references: a function consumes the arrays that it is given, and `.ref` keeps
// one for later. Small networks run in WebAssembly; starting work on a GPU would take longer
// than the work.

import { defaultDevice, init, jit, nn, numpy as np, tree, valueAndGrad } from "@jax-js/jax";
import { batches, design, normals, uniforms } from "./data.js";
import { inPlane } from "./state.js";

const ACTIVATION = { tanh: np.tanh, relu: nn.relu, sigmoid: nn.sigmoid, square: np.square };
const DEVICE = "wasm";

export async function start() {
  if (!(await init(DEVICE)).includes(DEVICE)) throw new Error("no WebAssembly");
  defaultDevice(DEVICE);
}

const column = (values) => np.array(Float32Array.from(values)).reshape([values.length, 1]);
const matrix = (rows) =>
  np.array(Float32Array.from(rows.flat())).reshape([rows.length, rows[0].length]);

// Weights as init_mlp draws them (variance 1/k, for ReLU 2/k), biases zero: a list of { W, b },
// W (k, j) by rows, as plain numbers.
export function initMlp(seed, sizes, sigma) {
  const draw = uniforms(seed + 2);
  return sizes.slice(1).map((j, layer) => {
    const k = sizes[layer];
    return {
      W: normals(draw, k * j, Math.sqrt((sigma === "relu" ? 2 : 1) / k)),
      b: new Float32Array(j),
    };
  });
}

const upload = (theta) => theta.map(({ W, b }) => ({
  W: np.array(W).reshape([W.length / b.length, b.length]), b: np.array(b) }));

// The outputs of all layers: x = sigma(x @ W + b) in the hidden ones, the last one affine.
function layers(theta, x, sigma) {
  return theta.map(({ W, b }, i) => {
    x = np.matmul(x, W).add(b);
    if (i < theta.length - 1) x = sigma(x).ref; // once for the next layer, once for the caller
    return x;
  });
}

function mlp(theta, x, sigma) {
  const outputs = layers(theta, x, sigma);
  const last = outputs.pop();
  outputs.forEach((hidden) => hidden.dispose());
  return last;
}

// Mean squared error, and the negative log-likelihood of classes 0 and 1 whose logit is z: the
// mean of log(1 + exp(z)) - y z, where exp(-|z|) cannot overflow.
const mse = (z, y) => np.mean(np.square(z.sub(y)));
const logistic = (z, y) => np.mean(nn.relu(z.ref)
  .add(np.log(np.exp(np.abs(z.ref).neg()).add(1))).sub(y.mul(z)));

// Training in progress: parameters, step number and the compiled functions. `grid` has the points
// at which pictures show what the units put out.
export function trainer(settings, data, grid) {
  const sizes = [settings.features.length, ...settings.layers, 1];
  const sigma = ACTIVATION[settings.sigma];
  const error = inPlane(settings) ? logistic : mse;
  const rows = design(settings.features, data.x);
  const drawn = settings.batch === "all" ? null
    : batches(settings.seed, rows.length, settings.batch);
  const at = { data: matrix(rows), grid: matrix(design(settings.features, grid)) };
  const samples = [[at.data.ref, column(data.y)], ...(data.yVal
    ? [[matrix(design(settings.features, data.xVal)), column(data.yVal)]] : [])];

  const unpenalised = (theta, x, y) => error(mlp(theta, x, sigma), y);
  const objective = (theta, x, y, l2) => {
    const penalty = theta.map(({ W }) => np.sum(np.square(W.ref))).reduce((a, b) => a.add(b));
    return unpenalised(theta, x, y).add(penalty.mul(l2));
  };
  const update = jit((theta, x, y, lr, l2) => {
    const [value, grads] = valueAndGrad(objective)(tree.ref(theta), x, y, l2);
    const next = tree.map((p, g) => p.sub(g.mul(lr.ref)), theta, grads);
    lr.dispose();
    return [next, value];
  });
  const loss = jit(unpenalised);
  const outputs = jit((theta, x) => layers(theta, x, sigma));

  let theta = upload(initMlp(settings.seed, sizes, settings.sigma));
  const run = {
    sizes,
    steps: 0,
    // One update; the rate and the penalty may change between steps.
    step({ lr, l2 }) {
      const batch = drawn?.next().value;
      const [x, y] = batch
        ? [matrix(batch.map((i) => rows[i])), column(batch.map((i) => data.y[i]))]
        : tree.ref(samples[0]);
      const [next, value] = update(theta, x, y, np.array(lr), np.array(l2));
      theta = next;
      run.steps += 1;
      return value.dataSync()[0]; // the loss before this update, as dl_core records it
    },
    // [training loss, validation loss or null], without penalty.
    losses: () => [0, 1].map((i) =>
      samples[i] ? loss(tree.ref(theta), ...tree.ref(samples[i])).dataSync()[0] : null),
    // For each layer an array (n, units) by rows, at the "data" or at the "grid".
    outputs: (where) => outputs(tree.ref(theta), at[where].ref).map((a) => a.dataSync()),
    theta: () => theta.map(({ W, b }) => ({ W: W.ref.dataSync(), b: b.ref.dataSync() })),
    dispose() {
      tree.dispose([theta, at, samples]);
      for (const compiled of [update, loss, outputs]) compiled.dispose();
    },
  };
  return run;
}

// Hidden units that are zero on all data: [layer, unit], for layers of `outputs`.
export const deadUnits = (outputs, sizes) => outputs.slice(0, -1).flatMap((values, layer) => {
  const units = sizes[layer + 1];
  return Array.from({ length: units }, (_, unit) => [layer, unit]).filter(([, unit]) =>
    values.every((value, i) => i % units !== unit || value === 0));
});
