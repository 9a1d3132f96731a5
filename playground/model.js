// The network, its loss and one step of gradient descent, as in dl_core, written with jax-js.
//
// jax-js counts references: a function consumes the arrays that it is given, and `.ref` keeps
// one for later. Small networks run in WebAssembly; starting work on a GPU would take longer
// than the work.

import { defaultDevice, init, jit, nn, numpy as np, tree, valueAndGrad } from "@jax-js/jax";
import { batches, normals, uniforms } from "./data.js";

const ACTIVATION = { tanh: np.tanh, relu: nn.relu, sigmoid: nn.sigmoid, square: np.square };
const DEVICE = "wasm";

export async function start() {
  if (!(await init(DEVICE)).includes(DEVICE)) throw new Error("no WebAssembly");
  defaultDevice(DEVICE);
}

const column = (values) => np.array(Float32Array.from(values)).reshape([values.length, 1]);

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

// Training in progress: parameters, step number and the compiled functions.
export function trainer(settings, data) {
  const sizes = [1, ...settings.layers, 1];
  const sigma = ACTIVATION[settings.sigma];
  const n = data.x.length;
  const [x, y] = [column(data.x), column(data.y)];
  const yVal = data.yVal && column(data.yVal);
  const rows = settings.batch === "all" ? null : batches(settings.seed, n, settings.batch);

  const mse = (theta, x, y) => np.mean(np.square(mlp(theta, x, sigma).sub(y)));
  const objective = (theta, x, y, l2) => {
    const penalty = theta.map(({ W }) => np.sum(np.square(W.ref))).reduce((a, b) => a.add(b));
    return mse(theta, x, y).add(penalty.mul(l2));
  };
  const update = jit((theta, x, y, lr, l2) => {
    const [value, grads] = valueAndGrad(objective)(tree.ref(theta), x, y, l2);
    const next = tree.map((p, g) => p.sub(g.mul(lr.ref)), theta, grads);
    lr.dispose();
    return [next, value];
  });
  const loss = jit(mse);
  const outputs = jit((theta, x) => layers(theta, x, sigma));

  let theta = upload(initMlp(settings.seed, sizes, settings.sigma));
  let batch = null;
  const run = {
    sizes,
    steps: 0,
    // One update; the rate and the penalty may change between steps.
    step({ lr, l2 }) {
      batch = rows && rows.next().value;
      const [xs, ys] = batch
        ? [column(batch.map((i) => data.x[i])), column(batch.map((i) => data.y[i]))]
        : [x.ref, y.ref];
      const [next, value] = update(theta, xs, ys, np.array(lr), np.array(l2));
      theta = next;
      run.steps += 1;
      return value.dataSync()[0]; // the loss before this update, as dl_core records it
    },
    // [training loss, validation loss or null], without penalty.
    losses: () => [y, yVal].map((target) =>
      target && loss(tree.ref(theta), x.ref, target.ref).dataSync()[0]),
    // For each layer an array (n, units) by rows.
    outputs: (at) => outputs(tree.ref(theta), column(at)).map((a) => a.dataSync()),
    theta: () => theta.map(({ W, b }) => ({ W: W.ref.dataSync(), b: b.ref.dataSync() })),
    dispose() {
      tree.dispose(theta);
      for (const owned of [x, y, yVal, update, loss, outputs]) owned?.dispose();
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
