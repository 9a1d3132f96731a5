// The settings as a notebook cell that runs with dl_core.

import { inPlane } from "./state.js";

const FORMULA = {
  curve: "jnp.sqrt(x) + jnp.sin(x)",
  step: "jnp.where(x < 2.5, 0.0, 2.0)",
  wave: "1 + jnp.sin(2 * x)",
};
const SIGMA = {
  tanh: "jnp.tanh", relu: "jax.nn.relu", sigmoid: "jax.nn.sigmoid", square: "jnp.square",
};
const FEATURE = {
  x1: "x1", x2: "x2", x1x1: "x1**2", x2x2: "x2**2", x1x2: "x1 * x2",
  sinx1: "jnp.sin(x1)", sinx2: "jnp.sin(x2)",
};
const POLAR = ["x1, x2 = r * jnp.cos(angle), r * jnp.sin(angle)"];
const PATTERN = {
  circles: [
    "y = jnp.arange(len(u))[:, None] % 2",
    "r = jnp.where(y == 1, 1.8 + 0.9 * u, 1.2 * jnp.sqrt(u))",
    "angle = 2 * jnp.pi * v", ...POLAR],
  xor: ["x1, x2 = 5.4 * u - 2.7, 5.4 * v - 2.7", "y = jnp.where(x1 * x2 > 0, 1, 0)"],
  spiral: [
    "y = jnp.arange(len(u))[:, None] % 2",
    "r, angle = 2.7 * jnp.sqrt(u), 9 * jnp.sqrt(u) + jnp.pi * y", ...POLAR],
};

const indented = (lines) => lines.map((line) => `    ${line}`);

// Inputs side by side; the cell calls the one of regression x.
function stacked(features, rename = (text) => text) {
  const columns = features.map((name) => rename(FEATURE[name]));
  return columns.length === 1 ? columns[0] : columns.length < 5
    ? `jnp.hstack([${columns.join(", ")}])`
    : `jnp.hstack([${columns.slice(0, 4).join(", ")},\n        ${columns.slice(4).join(", ")}])`;
}

function dataLines({ target, n, noise, points, features }) {
  const x = stacked(features, (text) => text.replace("x1", "x"));
  const given = x === "x" ? [] : [`x = ${x}`];
  if (target === "points") {
    const columns = [0, 1].map((i) => `jnp.array([${points.map((p) => p[i]).join(", ")}])`);
    return [`x = ${columns[0]}[:, None]`, `y = ${columns[1]}[:, None]`, ...given];
  }
  return [
    `x = jnp.linspace(0, 5, ${n})[:, None]`,
    `f = ${FORMULA[target]}`,
    `y = f + ${noise} * jax.random.normal(key_data, x.shape)`,
    `y_val = f + ${noise} * jax.random.normal(key_valid, x.shape)`,
    ...given,
  ];
}

function patternLines({ target, n, noise, features }) {
  return [
    "", "def sample(key):",
    ...indented([
      "key_clean, key_noise = jax.random.split(key)",
      `u, v = jax.random.uniform(key_clean, (2, ${n}, 1))`,
      ...PATTERN[target],
      `e1, e2 = ${noise} * jax.random.normal(key_noise, (2, ${n}, 1))`,
      "x1, x2 = x1 + e1, x2 + e2",
      `return ${stacked(features)}, y`,
    ]),
    "", "x, y = sample(key_data)", "x_val, y_val = sample(key_valid)",
  ];
}

const LOGISTIC = [
  "", "def loss(theta, x, y):  # -log likelihood of y, 0 or 1, by the logit z",
  ...indented(["z = model(theta, x)", "return jnp.mean(jax.nn.softplus(z) - y * z)"]), "",
];

export function asPython(settings, steps) {
  const { target, features, layers, sigma, lr, batch, l2, seed } = settings;
  const plane = inPlane(settings);
  const used = ["init_mlp", "minimise", "mlp", ...(plane ? [] : ["mse"]),
    ...(l2 > 0 ? ["squared_weights"] : [])];
  const options = [
    `lr=${lr}, steps=${steps}`,
    ...(batch === "all" ? [] : [`batch_size=${batch}, key=key_batch`]),
    ...(target === "points" ? [] : [`record=(loss, ${plane ? "x_val" : "x"}, y_val)`]),
  ];
  return `${[
    "from functools import partial",
    "",
    "import jax",
    "import jax.numpy as jnp",
    "",
    `from dl_core import ${used.join(", ")}`,
    "",
    "key_data, key_valid, key_theta, key_batch = jax.random.split(",
    `    jax.random.key(${seed}), 4)`,
    ...(plane ? patternLines(settings) : dataLines(settings)),
    "",
    `model = partial(mlp, sigma=${SIGMA[sigma]})`,
    ...(plane ? LOGISTIC : ["loss = partial(mse, model=model)"]),
    `theta = init_mlp(key_theta, (${[features.length, ...layers, 1].join(", ")})${
      sigma === "relu" ? ', init="he"' : ""})`,
    ...(l2 > 0 ? [
      "", "def penalised(theta, x, y):",
      `    return loss(theta, x, y) + ${l2} * squared_weights(theta)`, ""] : []),
    "fit = minimise(",
    `    ${l2 > 0 ? "penalised" : "loss"}, theta, x, y,`,
    `    ${options.join(",\n    ")})`,
    "print(fit.losses[-1])",
  ].join("\n")}\n`;
}
