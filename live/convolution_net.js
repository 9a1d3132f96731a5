// A convolution of a picture, a list of rows, with 3 x 3 weights; beyond the border lie zeros.

export const neighbours = (picture, r, s) => [-1, 0, 1].flatMap((a) =>
  [-1, 0, 1].map((c) => picture[r + a]?.[s + c] ?? 0));

export const convolve = (picture, weights) => picture.map((row, r) => row.map((_, s) =>
  neighbours(picture, r, s).reduce((sum, x, i) => sum + x * weights[i], 0)));

// Each row one column further right, the last column first.
export const shift = (picture) => picture.map((row) => [row.at(-1), ...row.slice(0, -1)]);
