// Random numbers, targets and samples. Everything random comes from a seed.

// Uniform numbers on (0, 1): the generator mulberry32, which is public domain.
export function uniforms(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (((t ^ (t >>> 14)) >>> 0) + 0.5) / 4294967296;
  };
}

// n normal numbers with standard deviation sd, by the method of Box and Muller.
export function normals(draw, n, sd = 1) {
  return Float32Array.from({ length: n }, () =>
    sd * Math.sqrt(-2 * Math.log(draw())) * Math.cos(2 * Math.PI * draw()));
}

// Targets of regression, functions of x on [0, 5].
export const FUNCTIONS = {
  curve: (x) => Math.sqrt(x) + Math.sin(x),
  step: (x) => (x < 2.5 ? 0 : 2),
  wave: (x) => 1 + Math.sin(2 * x),
};

// Two classes in the plane: from two uniform numbers and the row number, [x1, x2, class].
const polar = (r, angle, label) => [r * Math.cos(angle), r * Math.sin(angle), label];
const square = (x1, x2) => [x1, x2, Number(x1 * x2 > 0)];
export const PATTERNS = {
  circles: (u, v, i) => polar(i % 2 ? 1.8 + 0.9 * u : 1.2 * Math.sqrt(u), 2 * Math.PI * v, i % 2),
  xor: (u, v) => square(5.4 * u - 2.7, 5.4 * v - 2.7),
  spiral: (u, v, i) => polar(2.7 * Math.sqrt(u), 9 * Math.sqrt(u) + Math.PI * (i % 2), i % 2),
};

// What a network may be given: how it is written, and the number at a point, [x] or [x1, x2].
export const FEATURES = {
  x1: ["x₁", ([a]) => a],
  x2: ["x₂", ([, b]) => b],
  x1x1: ["x₁²", ([a]) => a * a],
  x2x2: ["x₂²", ([, b]) => b * b],
  x1x2: ["x₁x₂", ([a, b]) => a * b],
  sinx1: ["sin x₁", ([a]) => Math.sin(a)],
  sinx2: ["sin x₂", ([, b]) => Math.sin(b)],
};

export const design = (features, points) =>
  points.map((point) => features.map((name) => FEATURES[name][1](point)));

// n points of x, evenly spaced on [0, 5].
export const spaced = (n) => Array.from({ length: n }, (_, i) => [(5 * i) / (n - 1)]);

// side * side points of the plane on [-3, 3] x [-3, 3], as a picture has its pixels.
export const lattice = (side) => Array.from({ length: side * side }, (_, i) => [
  6 * ((i % side) + 0.5) / side - 3, 3 - 6 * (Math.floor(i / side) + 0.5) / side]);

// { x, y, xVal, yVal }: training and validation sample, x a list of points. In regression the
// validation sample has fresh noise at the same x. Points set by hand come alone: yVal is null.
export function sample({ target, points, seed, n, noise }) {
  if (target === "points") {
    return { x: points.map(([x]) => [x]), y: points.map(([, y]) => y), xVal: null, yVal: null };
  }
  const draw = uniforms(seed);
  if (target in PATTERNS) {
    const [[x, y], [xVal, yVal]] = [0, 1].map(() => pattern(PATTERNS[target], draw, n, noise));
    return { x, y, xVal, yVal };
  }
  const x = spaced(n);
  const [y, yVal] = [0, 1].map(() => {
    const errors = normals(draw, n, noise);
    return x.map(([at], i) => FUNCTIONS[target](at) + errors[i]);
  });
  return { x, y, xVal: x, yVal };
}

// Noise moves the points after they have got their class.
function pattern(f, draw, n, noise) {
  const clean = Array.from({ length: n }, (_, i) => f(draw(), draw(), i));
  const [e1, e2] = [0, 1].map(() => normals(draw, n, noise));
  return [clean.map(([x1, x2], i) => [x1 + e1[i], x2 + e2[i]]), clean.map(([, , label]) => label)];
}

// Batches of row numbers for ever: each epoch shuffles, and leaves out n % size rows.
export function* batches(seed, n, size) {
  const draw = uniforms(seed + 1);
  const order = Array.from({ length: n }, (_, i) => i);
  for (;;) {
    for (let i = n - 1; i > 0; i--) {
      const j = Math.floor(draw() * (i + 1));
      [order[i], order[j]] = [order[j], order[i]];
    }
    for (let start = 0; start + size <= n; start += size) yield order.slice(start, start + size);
  }
}
