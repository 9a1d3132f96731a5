// Bias and variance of least squares with polynomials, of all degrees at once.

// Legendre polynomials of degree 0, 1, ... at the points x, one list each.
function legendre(x, most) {
  const terms = [x.map(() => 1), x];
  for (let k = 2; k <= most; k++) {
    terms.push(x.map((v, i) =>
      ((2 * k - 1) * v * terms[k - 1][i] - (k - 1) * terms[k - 2][i]) / k));
  }
  return terms.slice(0, most + 1);
}

const dot = (a, b) => a.reduce((sum, v, i) => sum + v * b[i], 0);
const less = (a, share, b) => a.map((v, i) => v - share * b[i]);

// Orthonormal regressors at the inputs x, one for each degree, and the same functions at `points`.
export function regressors(x, points, most) {
  const [at, there] = [legendre(x, most), legendre(points, most)];
  for (let k = 0; k <= most; k++) {
    for (let j = 0; j < 2 * k; j++) { // twice over, against rounding
      const share = dot(at[j % k], at[k]);
      at[k] = less(at[k], share, at[j % k]);
      there[k] = less(there[k], share, there[j % k]);
    }
    const size = Math.sqrt(dot(at[k], at[k]));
    [at[k], there[k]] = [at, there].map((of) => of[k].map((v) => v / size));
  }
  return { at, there };
}

// The fit of a degree to outcomes y, at the points.
export const fit = ({ at, there }, y, degree) => at.slice(0, degree + 1).reduce((sum, q, k) =>
  less(sum, -dot(q, y), there[k]), there[0].map(() => 0));

// Means over the points of squared bias and variance, for each degree, if f is the true function
// at the inputs and `truth` at the points, and the noise has standard deviation sd.
export function parts(basis, f, truth, sd) {
  let [miss, spread] = [truth, 0];
  return basis.at.map((q, k) => {
    miss = less(miss, dot(q, f), basis.there[k]);
    spread += (sd ** 2 * dot(basis.there[k], basis.there[k])) / truth.length;
    return { bias2: dot(miss, miss) / truth.length, variance: spread };
  });
}
