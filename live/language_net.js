// Two models of the next letter: the decoder `gpt` of dl_nets, and the counts of the lecture.
// Both map the letters so far, as numbers, to logits of the next one.

import { jit, nn, numpy as np, tree } from "@jax-js/jax";

// As in the lecture, temperature 0 is a very small one.
const cooled = (logits, temperature) => logits.map((v) => v / Math.max(temperature, 1e-6));

// exp(logits / temperature), scaled to sum to one.
export function softmax(logits, temperature = 1) {
  const scaled = cooled(Float64Array.from(logits), temperature);
  const largest = Math.max(...scaled);
  const weights = scaled.map((v) => Math.exp(v - largest));
  const sum = weights.reduce((a, b) => a + b);
  return weights.map((v) => v / sum);
}

// The letter that is drawn with this Gumbel noise, as `write` in the lecture does.
export const draw = (logits, temperature, noise) =>
  cooled(Float64Array.from(logits), temperature).map((v, i) => v + noise[i])
    .reduce((best, v, i, all) => (v > all[best] ? i : best), 0);

// The mean of -log p of each letter but the first, given those before.
export const nats = (model, tokens) => tokens.slice(1).reduce((sum, token, i) =>
  sum - Math.log(softmax(model(tokens.slice(0, i + 1)))[token]), 0) / (tokens.length - 1);

const rmsNorm = (x) =>
  x.ref.div(np.sqrt(np.mean(np.square(x), -1, { keepdims: true }).add(1e-6)));

// From weights as read by weights.js the network, which looks at as many letters as it has places.
// One program for any number of them: what stands after the last letter does not change its row.
export function network(weights) {
  const leaf = (name, shape) => {
    const found = weights.get(`['net'].${name}`);
    return np.array(found.data).reshape(shape ?? found.shape);
  };
  const { shape: [length, width] } = weights.get("['net'].place");
  const m = weights.get("['net'].embed").shape[0];
  const theta = { embed: leaf("embed"), place: leaf("place"), read: leaf("read"), blocks: [] };
  for (let i = 0; weights.has(`['net'].blocks[${i}].qkv`); i++) {
    theta.blocks.push({ qkv: leaf(`blocks[${i}].qkv`), out: leaf(`blocks[${i}].out`, [-1, width]),
      up: leaf(`blocks[${i}].up`), down: leaf(`blocks[${i}].down`) });
  }
  const places = Array.from({ length }, (_, t) => t);
  const later = np.array(places.map((t) => places.map((s) => (s > t ? -1e9 : 0))));

  const all = jit(({ embed, place, read, blocks }, letters, later) => {
    let x = np.matmul(letters, embed).add(place);
    for (const { qkv, out, up, down } of blocks) {
      const d = qkv.shape[3];
      const products = np.matmul(rmsNorm(x.ref).reshape([1, 1, length, width]), qkv);
      const [q, k, v] = [products.ref.slice(0), products.ref.slice(1), products.slice(2)];
      const scores = np.matmul(q, np.transpose(k, [0, 2, 1])).div(Math.sqrt(d)).add(later.ref);
      const means = np.matmul(nn.softmax(scores, -1), v); // (heads, length, d)
      x = x.add(np.matmul(np.transpose(means, [1, 0, 2]).reshape([length, -1]), out));
      x = x.add(np.matmul(nn.gelu(np.matmul(rmsNorm(x.ref), up)), down));
    }
    later.dispose();
    return np.matmul(rmsNorm(x), read);
  });

  return (tokens) => {
    const seen = tokens.slice(-length);
    const letters = new Float32Array(length * m);
    seen.forEach((token, t) => { letters[t * m + token] = 1; });
    const logits = all(tree.ref(theta), np.array(letters).reshape([length, m]), later.ref);
    return logits.dataSync().slice((seen.length - 1) * m, seen.length * m);
  };
}

// The text that travels packed by zlib, as bytes.
export async function unpack({ base64 }) {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(unpacked).arrayBuffer());
}

// Where the runs of equal values of a sorted array begin, with the end of the last.
function runs(sorted, of = (value) => value) {
  const starts = new Uint32Array(sorted.length + 1);
  let found = 0;
  for (let i = 0, before; i < sorted.length; i++) {
    const value = of(sorted[i]);
    if (value !== before) starts[found++] = i;
    before = value;
  }
  starts[found] = sorted.length;
  return starts.slice(0, found + 1);
}

// What Kneser and Ney take from a count of 1, 2, and 3 or more.
function discounts(N) {
  const [n1, n2, n3, n4] = [1, 2, 3, 4].map((j) =>
    N.reduce((sum, count) => sum + (count === j), 0) + 0.5);
  const Y = n1 / (n1 + 2 * n2);
  const d = [1 - (2 * Y * n2) / n1, 2 - (3 * Y * n3) / n2, 3 - (4 * Y * n4) / n3];
  return d.map((v, i) => Math.min(Math.max(v, 0.1), i + 0.9));
}

// `fit_counts` of the lecture for blocks of so many of m letters: for each order its contexts, as
// numbers in base m, in rising order, and the letters after each with their shares.
export async function fitCounts(tokens, block, n, m) {
  const tables = [];
  let strings = new Float64Array((tokens.length / block) * (block - n + 1));
  for (let i = 0, key = 0, at = 0; i < tokens.length; i++) {
    key = (key % m ** (n - 1)) * m + tokens[i];
    if (i % block >= n - 1) strings[at++] = key;
  }
  for (let k = n; k > 0; k--) {
    await new Promise((next) => { setTimeout(next); }); // the page may breathe between orders
    strings.sort();
    const firsts = runs(strings);
    const N = Uint32Array.from(firsts.subarray(1), (end, i) => end - firsts[i]);
    const seen = Float64Array.from(N, (_, i) => strings[firsts[i]]);
    const starts = runs(seen, (key) => Math.floor(key / m));
    const d = discounts(N);
    const share = new Float64Array(seen.length);
    for (let c = 0; c + 1 < starts.length; c++) {
      const total = N.subarray(starts[c], starts[c + 1]).reduce((a, b) => a + b);
      for (let i = starts[c]; i < starts[c + 1]; i++) {
        share[i] = (N[i] - d[Math.min(N[i], 3) - 1]) / total;
      }
    }
    tables.unshift({ starts, share, letters: Uint8Array.from(seen, (key) => key % m),
      contexts: Float64Array.from(starts.subarray(0, -1), (i) => Math.floor(seen[i] / m)) });
    strings = seen.map((key) => key % m ** (k - 1));
  }
  return tables;
}

function find(sorted, value) {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < value) low = middle + 1;
    else high = middle;
  }
  return sorted[low] === value ? low : -1;
}

// The model of these counts; after few letters it uses the low orders alone.
export const counts = (tables, m) => (tokens) => {
  const p = new Float64Array(m).fill(1 / m);
  tables.slice(0, tokens.length + 1).forEach(({ contexts, starts, share, letters }, order) => {
    const context = order ? tokens.slice(-order) : [];
    const c = find(contexts, context.reduce((key, token) => key * m + token, 0));
    if (c < 0) return;
    const here = share.subarray(starts[c], starts[c + 1]);
    const left = 1 - here.reduce((a, b) => a + b);
    p.forEach((v, i) => { p[i] = left * v; });
    here.forEach((v, i) => { p[letters[starts[c] + i]] += v; });
  });
  return p.map(Math.log);
};
