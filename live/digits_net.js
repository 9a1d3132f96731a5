// From strokes to the probabilities of ten digits: `prepare` and `resnet` of the lecture, with
// jax-js. It counts references: a function consumes its arguments, and `.ref` keeps one for later.

import { jit, nn, numpy as np, tree } from "@jax-js/jax";

export const SIDE = 14; // cells of a frame
const WINDOW = 3; // cells of a side that are covered at once
export const PLACES = SIDE - WINDOW + 1;
const SCAN = 64; // pixels of a side of the scan
const LONGEST = 40; // of the drawing's longer side there
const PEN = 6.5; // of a stroke there, whose ink is then about that of the training digits

// A picture (SCAN, SCAN), ink 1 and paper 0, of strokes, which are lists of points [x, y]. The
// drawing fills the picture whatever its size; no pixel is inked where nothing was drawn.
export function scan(strokes) {
  const [xs, ys] = [0, 1].map((i) => strokes.flatMap((stroke) => stroke.map((p) => p[i])));
  const range = (values) => [Math.min(...values), Math.max(...values)];
  const [[left, right], [top, bottom]] = [range(xs), range(ys)];
  const scale = LONGEST / Math.max(right - left, bottom - top, 1e-9);
  const put = ([x, y]) => [
    SCAN / 2 + scale * (x - (left + right) / 2), SCAN / 2 + scale * (y - (top + bottom) / 2)];
  const picture = new Float32Array(SCAN * SCAN);
  for (const stroke of strokes.map((points) => points.map(put))) {
    stroke.forEach((point, i) => inkLine(picture, stroke[Math.max(i - 1, 0)], point));
  }
  return picture;
}

function inkLine(picture, [x1, y1], [x2, y2]) {
  const [dx, dy] = [x2 - x1, y2 - y1];
  const reach = PEN / 2 + 1;
  const pixels = (a, b) => [Math.floor(Math.min(a, b) - reach), Math.ceil(Math.max(a, b) + reach)];
  const [[left, right], [top, bottom]] = [pixels(x1, x2), pixels(y1, y2)];
  for (let r = top; r < bottom; r++) {
    for (let c = left; c < right; c++) {
      const [x, y] = [c + 0.5 - x1, r + 0.5 - y1];
      const along = Math.min(1, Math.max(0, (x * dx + y * dy) / (dx * dx + dy * dy || 1)));
      const away = Math.hypot(x - along * dx, y - along * dy);
      const ink = Math.min(1, Math.max(0, PEN / 2 + 0.5 - away));
      picture[r * SCAN + c] = Math.max(picture[r * SCAN + c], ink);
    }
  }
}

// (14, n) by rows: what share of each of 14 cells lies in each of n pixels.
function overlap(centre, size, n) {
  return Array.from({ length: SIDE }, (_, cell) => {
    const low = centre + size * (cell - SIDE / 2);
    return Array.from({ length: n }, (_, pixel) =>
      Math.max(0, Math.min(low + size, pixel + 1) - Math.max(low, pixel)) / size);
  });
}

// A picture (h, w) by rows -> its frame of 196 numbers: the longer side of the ink covers ten
// cells, its centre of mass is the middle.
export function prepare(picture, h = SCAN, w = SCAN) {
  const [byRow, byColumn] = [new Float64Array(h), new Float64Array(w)];
  const [inked, side] = [[[], []], [h, w]];
  picture.forEach((ink, i) => {
    const [r, c] = [Math.floor(i / w), i % w];
    byRow[r] += ink;
    byColumn[c] += ink;
    if (ink > 0.1) [r, c].forEach((at, axis) => inked[axis].push(at));
  });
  const extent = (at) => at.reduce((m, v) => Math.max(m, v)) - at.reduce((m, v) => Math.min(m, v));
  const size = (Math.max(...inked.map(extent)) + 1) / 10; // pixels in a cell
  const [rows, columns] = [byRow, byColumn].map((mass, axis) => {
    const total = mass.reduce((a, b) => a + b);
    return overlap(mass.reduce((a, m, i) => a + m * (i + 0.5), 0) / total, size, side[axis]);
  });
  const frame = new Float32Array(SIDE * SIDE);
  rows.forEach((share, r) => {
    const line = new Float64Array(w); // the row of cells, still in pixels from left to right
    share.forEach((s, i) => s && line.forEach((_, j) => { line[j] += s * picture[i * w + j]; }));
    columns.forEach((share, c) => {
      frame[r * SIDE + c] = share.reduce((a, s, j) => a + s * line[j], 0);
    });
  });
  return frame;
}

// A 3 x 3 convolution as the matrix product that it is, { W, b }: W takes side * side places of k
// channels to as many of m. The outputs of place (r, c) stand where `order` says, by rows if it
// is not given. (In jax-js a product with a matrix takes a third of the time of a convolution.)
function asMatrix({ W, b }, side, order = (r, c) => r * side + c) {
  const [m, size] = [b.length, side * side * b.length];
  const k = W.length / (WINDOW ** 2 * m);
  const [matrix, bias] = [new Float32Array(side * side * k * size), new Float32Array(size)];
  for (let r = 0; r < side; r++) {
    for (let c = 0; c < side; c++) {
      bias.set(b, order(r, c) * m);
      for (let tap = 0; tap < WINDOW ** 2; tap++) {
        const [from, at] = [r + Math.floor(tap / WINDOW) - 1, c + (tap % WINDOW) - 1];
        if (Math.min(from, at) < 0 || Math.max(from, at) >= side) continue; // zeros beyond
        for (let d = 0; d < k; d++) {
          const weights = W.subarray((tap * k + d) * m, (tap * k + d + 1) * m);
          matrix.set(weights, ((from * side + at) * k + d) * size + order(r, c) * m);
        }
      }
    }
  }
  return upload(matrix, bias);
}

const upload = (W, b) => ({ W: np.array(W).reshape([W.length / b.length, b.length]), b: np.array(b) });

const affine = ({ W, b }, x) => np.matmul(x, W).add(b);

// Log probabilities (n, 10) of frames (n, 196).
function resnet({ stem, blocks, out }, x) {
  const n = x.shape[0];
  x = np.max(affine(stem, x).reshape([n, 4, -1]), 1); // max pooling: `pooled` puts four together
  for (const [first, second] of blocks) {
    const added = affine(second, nn.relu(affine(first, nn.relu(x.ref))));
    x = x.add(added);
  }
  return nn.logSoftmax(affine(out, nn.relu(x)));
}

const pooled = (r, c) => ((r % 2) * 2 + (c % 2)) * (SIDE / 2) ** 2
  + Math.floor(r / 2) * (SIDE / 2) + Math.floor(c / 2);

// The parameters, from the leaves that `read` gives.
function parameters(leaves) {
  const layer = (place) => ({ W: leaves.get(`${place}.W`).data, b: leaves.get(`${place}.b`).data });
  const block = (all, i, of) => {
    const part = (values) => values.subarray((values.length / of) * i, (values.length / of) * (i + 1));
    return asMatrix({ W: part(all.W), b: part(all.b) }, SIDE / 2);
  };
  const [count] = leaves.get(".blocks[0].W").shape;
  const [first, second, out] = [".blocks[0]", ".blocks[1]", ".out"].map(layer);
  return {
    stem: asMatrix(layer(".stem"), SIDE, pooled),
    blocks: Array.from({ length: count }, (_, i) => [block(first, i, count), block(second, i, count)]),
    out: upload(out.W, out.b),
  };
}

// { logProbabilities, covered, dispose }: functions of frames.
export function network(leaves) {
  const theta = parameters(leaves);
  const run = jit(resnet);
  const logProbabilities = (frames) => run(
    tree.ref(theta), np.array(frames).reshape([frames.length / SIDE ** 2, SIDE ** 2])).dataSync();
  return {
    logProbabilities,
    // The same (12, 10) for a frame of which 3 x 3 cells are covered with paper, from row `top`
    // on, at 12 places from left to right.
    covered(frame, top) {
      const copies = new Float32Array(PLACES * frame.length);
      for (let place = 0; place < PLACES; place++) {
        copies.set(frame, place * frame.length);
        for (let r = top; r < top + WINDOW; r++) {
          const start = place * frame.length + r * SIDE + place;
          copies.fill(0, start, start + WINDOW);
        }
      }
      return logProbabilities(copies);
    },
    dispose() {
      tree.dispose(theta);
      run.dispose();
    },
  };
}
