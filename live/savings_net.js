// The savings problem of lectures/optimal_savings.md: its best policy by the endogenous grid
// method, the policy of its trained network, and what a policy is worth.

import { numpy as np } from "@jax-js/jax";

// The upper half of 15 nodes for a standard normal number, as numpy's hermegauss has them, and
// their weights.
const NODES = [
  [0, 0.31825951825951815], [0.799129068324548, 0.23246229360973225],
  [1.6067100690287297, 0.08941779539984437], [2.432436827009758, 0.017365774492137616],
  [3.2890824243987664, 0.001567357503549956], [4.1962077112690155, 5.642146405189029e-5],
  [5.190093591304781, 5.975419597920599e-7], [6.363947888829839, 8.589649899633252e-10],
];

// Incomes y and their chances p: log y is normal with standard deviation sd, the mean of y is
// that of the lecture, where sd = mu = 0.1.
export function incomes(sd) {
  const mu = 0.105 - sd ** 2 / 2;
  const nodes = [...NODES.slice(1).map(([z, p]) => [-z, p]).reverse(), ...NODES];
  return { y: nodes.map(([z]) => Math.exp(mu + sd * z)), p: nodes.map(([, p]) => p) };
}

// The last i with xs[i] <= x, so that x lies between xs[i] and xs[i + 1]; xs increases.
function place(x, xs) {
  let [low, high] = [0, xs.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (xs[middle] <= x) low = middle;
    else high = middle;
  }
  return low;
}

// Linear between the points (xs, ys), constant beyond them.
export function interp(x, xs, ys) {
  const i = place(x, xs);
  const share = (x - xs[i]) / (xs[i + 1] - xs[i]);
  return ys[i] + Math.min(1, Math.max(0, share)) * (ys[i + 1] - ys[i]);
}

// Wealth a and consumption c at the best policy, as `egm` of the lecture. It ends where beta R < 1.
export function egm(saved, { y, p }, { gamma, beta, R }, tolerance = 1e-10) {
  let a = [0, ...saved.map((s) => 1 + s)];
  let c = a;
  for (;;) {
    const wanted = saved.map((s) => {
      const mean = y.reduce((sum, income, j) =>
        sum + p[j] * interp(R * s + income, a, c) ** -gamma, 0);
      return (beta * R * mean) ** (-1 / gamma);
    });
    const change = Math.max(...wanted.map((now, i) => Math.abs(now - c[i + 1])));
    a = [0, ...saved.map((s, i) => s + wanted[i])];
    c = [0, ...wanted];
    if (change < tolerance) return { a, c };
  }
}

// Consumption of the network at a list of wealth: the share that it does not save.
export function network(weights, wealth) {
  let x = np.array(Float32Array.from(wealth, Math.log)).reshape([wealth.length, 1]);
  const layers = weights.size / 2;
  for (let i = 0; i < layers; i++) {
    const [W, b] = ["W", "b"].map((name) => weights.get(`[${i}].${name}`));
    x = np.matmul(x, np.array(W.data).reshape(W.shape)).add(np.array(b.data));
    if (i < layers - 1) x = np.tanh(x);
  }
  const saved = x.dataSync();
  return wealth.map((a, i) => a * (1 - Math.min(0.97, Math.max(0, saved[i]))));
}

// Value, at the levels of wealth in grid, of consuming c there, by its Bellman equation. Wealth
// beyond the grid counts as its end.
export function value(grid, c, { y, p }, { gamma, beta, R }) {
  const u = c.map((x) => (gamma === 1 ? Math.log(x) : x ** (1 - gamma) / (1 - gamma)));
  const last = grid.length - 1;
  const next = grid.map((a, i) => y.map((income) => {
    const to = Math.min(grid[last], Math.max(grid[0], R * (a - c[i]) + income));
    const left = place(to, grid);
    return [left, (to - grid[left]) / (grid[left + 1] - grid[left])];
  }));
  let v = u.map((x) => x / (1 - beta));
  for (;;) {
    const old = v;
    v = next.map((places, i) => u[i] + beta * places.reduce((sum, [left, right], j) =>
      sum + p[j] * ((1 - right) * old[left] + right * old[left + 1]), 0));
    const steps = v.map((now, i) => now - old[i]);
    const [least, most] = [Math.min(...steps), Math.max(...steps)];
    const rest = beta / (1 - beta); // the value lies between v + rest * least and v + rest * most
    if (rest * (most - least) < 1e-7) {
      return v.map((now) => now + rest * (least + most) / 2);
    }
  }
}

// The share of consumption in all years that is lost with value v in place of the best one.
export const lost = (v, best, { gamma, beta }) => (gamma === 1
  ? -Math.expm1((1 - beta) * (v - best)) : 1 - (v / best) ** (1 / (1 - gamma)));
