// The numbers of a model that the build has written, as `publish` in dl_files.py packs them.

// A number of half precision from its 16 bits: sign, 5 bits of exponent, 10 of fraction.
function half(bits) {
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  const size = exponent === 0 ? fraction * 2 ** -24
    : exponent === 31 ? (fraction ? NaN : Infinity)
    : (1024 + fraction) * 2 ** (exponent - 25);
  return bits >> 15 ? -size : size;
}

const NUMBERS = {
  float16: (buffer) => Float32Array.from(new Uint16Array(buffer), half),
  float32: (buffer) => new Float32Array(buffer),
};

// A Map from a leaf's place in the tree, such as ".stem.W" or "[0].b", to { shape, data }, data
// a Float32Array by rows.
export function read({ name, dtype, places, shapes, base64 }) {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const numbers = NUMBERS[dtype](bytes.buffer);
  let start = 0;
  const leaves = new Map(places.map((place, i) => {
    const end = start + shapes[i].reduce((a, b) => a * b, 1);
    const leaf = { shape: shapes[i], data: numbers.slice(start, end) };
    start = end;
    return [place, leaf];
  }));
  if (start !== numbers.length) throw new Error(`the numbers of ${name} are not complete`);
  return leaves;
}
