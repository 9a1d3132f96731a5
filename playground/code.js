// The settings as a notebook cell that runs with dl_core.

const FORMULA = {
  curve: "jnp.sqrt(x) + jnp.sin(x)",
  step: "jnp.where(x < 2.5, 0.0, 2.0)",
  wave: "1 + jnp.sin(2 * x)",
};
const SIGMA = {
  tanh: "jnp.tanh", relu: "jax.nn.relu", sigmoid: "jax.nn.sigmoid", square: "jnp.square",
};

function dataLines({ target, n, noise, points }) {
  if (target === "points") {
    const columns = [0, 1].map((i) => `jnp.array([${points.map((p) => p[i]).join(", ")}])`);
    return [`x = ${columns[0]}[:, None]`, `y = ${columns[1]}[:, None]`];
  }
  return [
    `x = jnp.linspace(0, 5, ${n})[:, None]`,
    `f = ${FORMULA[target]}`,
    `y = f + ${noise} * jax.random.normal(key_data, x.shape)`,
    `y_val = f + ${noise} * jax.random.normal(key_valid, x.shape)`,
  ];
}

export function asPython(settings, steps) {
  const { target, layers, sigma, lr, batch, l2, seed } = settings;
  const options = [
    `lr=${lr}, steps=${steps}`,
    ...(batch === "all" ? [] : [`batch_size=${batch}, key=key_batch`]),
    ...(target === "points" ? [] : ["record=(loss, x, y_val)"]),
  ];
  return `${[
    "from functools import partial",
    "",
    "import jax",
    "import jax.numpy as jnp",
    "",
    `from dl_core import init_mlp, minimise, mlp, mse${l2 > 0 ? ", squared_weights" : ""}`,
    "",
    "key_data, key_valid, key_theta, key_batch = jax.random.split(",
    `    jax.random.key(${seed}), 4)`,
    ...dataLines(settings),
    "",
    `model = partial(mlp, sigma=${SIGMA[sigma]})`,
    "loss = partial(mse, model=model)",
    `theta = init_mlp(key_theta, (1, ${layers.join(", ")}, 1)${
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
