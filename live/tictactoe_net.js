// Tic-tac-toe: its rules, its exact values, and the values that the trained network gives.
//
// A board is nine numbers seen by the player to move, as in dl_worlds.py: 1 for an own cell, -1
// for one of the other player, 0 for an empty one.

import { nn, numpy as np } from "@jax-js/jax";

export const EMPTY = Array(9).fill(0);
const LINES = [[0, 1, 2], [3, 4, 5], [6, 7, 8], [0, 3, 6], [1, 4, 7], [2, 5, 8], [0, 4, 8],
               [2, 4, 6]];

export const free = (board) => board.flatMap((cell, i) => (cell === 0 ? [i] : []));

// The board that the other player sees after a move.
export const play = (board, move) => board.map((cell, i) => (i === move ? -1 : 0 - cell));

// Three in a line of the other player, who moved last, or undefined.
export const lost = (board) => LINES.find((line) => line.every((i) => board[i] === -1));

export const over = (board) => lost(board) || !free(board).length;

const known = new Map();

// 1, 0 or -1: how the game ends for the player to move if both play their best.
export function value(board) {
  const key = board.join();
  if (!known.has(key)) {
    known.set(key, lost(board) ? -1
      : free(board).length ? Math.max(...exact(board).filter((v) => v !== null)) : 0);
  }
  return known.get(key);
}

// The exact values of the nine moves, null where a cell is taken.
export const exact = (board) =>
  board.map((cell, i) => (cell === 0 ? 0 - value(play(board, i)) : null));

// All positions in which a move is due, the empty one first.
export function positions() {
  const boards = [EMPTY];
  const seen = new Set([EMPTY.join()]);
  for (const board of boards) { // grows while it is read
    for (const after of free(board).map((move) => play(board, move))) {
      if (seen.has(after.join()) || over(after)) continue;
      seen.add(after.join());
      boards.push(after);
    }
  }
  return boards;
}

// From weights as read by weights.js a function from n boards to n arrays of nine values.
export function network(weights) {
  const layers = Array.from({ length: weights.size / 2 }, (_, i) => ["W", "b"].map((name) => {
    const { shape, data } = weights.get(`[${i}].${name}`);
    return np.array(data).reshape(shape);
  }));
  return (boards) => {
    const sides = boards.flatMap((board) => [1, -1].flatMap((side) =>
      board.map((cell) => (cell === side ? 1 : 0))));
    let x = np.array(Float32Array.from(sides)).reshape([boards.length, 18]);
    layers.forEach(([W, b], i) => {
      x = np.matmul(x, W.ref).add(b.ref);
      if (i < layers.length - 1) x = nn.relu(x);
    });
    const values = x.dataSync();
    return boards.map((_, i) => values.slice(9 * i, 9 * i + 9));
  };
}

// The move of greatest value among those to free cells.
export const greatest = (board, values) =>
  free(board).reduce((best, move) => (values[move] > values[best] ? move : best));

// Positions in which the network's move is not one of the best, with that move.
export function mistakes(net) {
  const boards = positions();
  const values = net(boards);
  return boards.map((board, i) => ({ board, move: greatest(board, values[i]) }))
    .filter(({ board, move }) => exact(board)[move] < value(board));
}
