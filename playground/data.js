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

export const FUNCTIONS = {
  curve: (x) => Math.sqrt(x) + Math.sin(x),
  step: (x) => (x < 2.5 ? 0 : 2),
  wave: (x) => 1 + Math.sin(2 * x),
};

// n points of x, evenly spaced on [0, 5].
export const spaced = (n) => Float32Array.from({ length: n }, (_, i) => (5 * i) / (n - 1));

// { x, y, yVal }: training sample, and outcomes with fresh noise at the same x; arrays of length
// n. Points set by hand come alone, so that yVal is null.
export function sample(settings) {
  if (settings.target === "points") {
    const [x, y] = [0, 1].map((i) => Float32Array.from(settings.points, (point) => point[i]));
    return { x, y, yVal: null };
  }
  const draw = uniforms(settings.seed);
  const x = spaced(settings.n);
  const noisy = () => {
    const noise = normals(draw, settings.n, settings.noise);
    return x.map((value, i) => FUNCTIONS[settings.target](value) + noise[i]);
  };
  return { x, y: noisy(), yVal: noisy() };
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
