// Where the first block of the language model looks: its weights, as `self_attention` of dl_nets.

const sum = (values) => values.reduce((a, b) => a + b, 0);

// For the last of these tokens, as many as the model has places or fewer, what each head gives to
// each of them: a list of heads, each a list of weights with sum one.
export function looks(weights, tokens) {
  const leaf = (name) => weights.get(`['net'].${name}`);
  const [embed, place, qkv] = ["embed", "place", "blocks[0].qkv"].map(leaf);
  const [, heads, w, d] = qkv.shape;
  const rows = tokens.map((token, t) => {
    const x = Array.from({ length: w }, (_, i) =>
      embed.data[token * w + i] + place.data[t * w + i]);
    const size = Math.sqrt(sum(x.map((v) => v * v)) / w + 1e-6);
    return x.map((v) => v / size);
  });
  // Column i of the queries (which = 0) or keys (1) of a head, for one row.
  const product = (x, which, head, i) =>
    sum(x.map((v, k) => v * qkv.data[((which * heads + head) * w + k) * d + i]));
  return Array.from({ length: heads }, (_, head) => {
    const columns = Array.from({ length: d }, (_, i) => i);
    const query = columns.map((i) => product(rows.at(-1), 0, head, i));
    const scores = rows.map((x) =>
      sum(columns.map((i) => query[i] * product(x, 1, head, i))) / Math.sqrt(d));
    const most = Math.max(...scores);
    const shares = scores.map((score) => Math.exp(score - most));
    return shares.map((share) => share / sum(shares));
  });
}
