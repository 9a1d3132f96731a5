// Gradient descent on a quadratic valley, the sum of h_i theta_i^2 / 2.

export const CURVATURES = [1, 10];
export const LIMIT = 2 / Math.max(...CURVATURES); // of the rates that converge from everywhere

export const loss = (theta, h = CURVATURES) =>
  theta.reduce((sum, t, i) => sum + (h[i] * t ** 2) / 2, 0);

// By what a step multiplies each coordinate.
export const factors = (rate, h = CURVATURES) => h.map((curvature) => 1 - rate * curvature);

// The start and the points after each step.
export function descend(start, rate, steps, h = CURVATURES) {
  const path = [start];
  for (let k = 0; k < steps; k++) {
    path.push(path[k].map((t, i) => t - rate * h[i] * t));
  }
  return path;
}
