// Run by tests/pages/test_playground.py: node --test playground.test.mjs, after npm ci.

import assert from "node:assert/strict";
import { test } from "node:test";
import { asPython } from "./code.js";
import { batches, normals, sample, uniforms } from "./data.js";
import { deadUnits, start, trainer } from "./model.js";
import { PRESETS, defaults, fromFragment, size, toFragment } from "./state.js";

await start();

const settings = (changes) => ({ ...defaults(), ...changes });

function train(changes, steps) {
  const all = settings(changes);
  const data = sample(all);
  const run = trainer(all, data);
  const best = { validation: Infinity };
  for (let i = 0; i < steps && Number.isFinite(run.step(all)); i++) {
    if (i % 100 === 0) best.validation = Math.min(best.validation, run.losses()[1]);
  }
  const [training, validation] = run.losses();
  const dead = deadUnits(run.outputs(data.x), run.sizes).length;
  const result = { steps: run.steps, training, validation, best: best.validation, dead };
  run.dispose();
  return result;
}

test("settings survive the address", () => {
  const points = { target: "points", points: [[1, -0.5], [2, 3]] };
  for (const changes of [...Object.values(PRESETS), points]) {
    assert.deepEqual(fromFragment(toFragment(settings(changes))), [settings(changes), []]);
  }
  assert.equal(toFragment(defaults()), "");
});

test("a decimal comma is a point", () => {
  assert.deepEqual(fromFragment("#noise=0,3&lr=0.05"), [settings({ noise: 0.3, lr: 0.05 }), []]);
});

test("an invalid address keeps defaults and says why", () => {
  const bad = "#lr=999&n=2.5&layers=10-x&sigma=sin&points=9~0&colour=red&noise=&batch=500";
  const [result, complaints] = fromFragment(bad);
  assert.deepEqual(result, defaults());
  assert.equal(complaints.length, 8);
  assert.match(complaints[0], /lr = 999 must be a number from 0.00001 to 10/);
  assert.match(fromFragment("#n=10&batch=20")[1][0], /20 exceeds the 10 observations/);
});

test("normal numbers have mean 0 and standard deviation 1, and come from the seed", () => {
  const draws = normals(uniforms(3), 20000);
  const mean = draws.reduce((a, b) => a + b) / draws.length;
  const variance = draws.reduce((a, b) => a + (b - mean) ** 2, 0) / draws.length;
  assert.ok(Math.abs(mean) < 0.03 && Math.abs(variance - 1) < 0.05);
  assert.deepEqual(normals(uniforms(3), 5), draws.slice(0, 5));
  assert.notDeepEqual(normals(uniforms(4), 5), draws.slice(0, 5));
});

test("an epoch visits each row once", () => {
  const draw = batches(0, 10, 3);
  const epoch = [0, 1, 2].flatMap(() => draw.next().value);
  assert.equal(new Set(epoch).size, 9);
});

test("the default network fits", () => {
  assert.ok(train({}, 1000).training < 0.1);
  assert.ok(train({ batch: 32 }, 1000).training < 0.2);
});

test("the presets show what they promise", () => {
  const over = train(PRESETS.Overfitting, 20000);
  assert.ok(over.training < 0.5 * over.validation && over.validation > 1.1 * over.best);
  assert.ok(train(PRESETS.Divergence, 200).steps < 200);
  assert.equal(train(PRESETS["Dead ReLU"], 1000).dead, 8);
  const parabola = train(PRESETS.Polynomial, 4000).training;
  const tanh = train({ ...PRESETS.Polynomial, sigma: "tanh", lr: 0.05 }, 8000).training;
  assert.ok(parabola > 0.3 && tanh < 0.8 * parabola);
});

test("the penalty shrinks the weights", () => {
  const squares = (l2) => {
    const all = settings({ l2, n: 50 });
    const run = trainer(all, sample(all));
    for (let i = 0; i < 300; i++) run.step(all);
    return run.theta().flatMap(({ W }) => [...W]).reduce((a, w) => a + w * w, 0);
  };
  assert.ok(squares(0.1) < 0.5 * squares(0));
});

test("the number of observations is that of the points, if there are any", () => {
  assert.equal(size(settings({ target: "points", points: [[1, 1]] })), 1);
});

// The cells that the Python tests execute.
if (process.env.CELLS) {
  const { writeFileSync } = await import("node:fs");
  const variants = {
    ...PRESETS, "mini-batches": { batch: 32, l2: 0.01 },
    "points": { target: "points", points: [[1, 1], [2, 3], [4, 2]] },
  };
  writeFileSync(process.env.CELLS, JSON.stringify(Object.fromEntries(
    Object.entries(variants).map(([name, v]) => [name, asPython(settings(v), 200)]))));
}
