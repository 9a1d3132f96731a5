// Run by tests/pages/test_playground.py: node --test playground.test.mjs, after npm ci.

import assert from "node:assert/strict";
import { test } from "node:test";
import { asPython } from "./code.js";
import { FEATURES, PATTERNS, batches, lattice, normals, sample, spaced, uniforms } from "./data.js";
import { deadUnits, start, trainer } from "./model.js";
import {
  PRESETS, defaults, featuresOf, fromFragment, inPlane, size, toFragment,
} from "./state.js";

await start();

const settings = (changes) => ({ ...defaults(changes.target), ...changes });
const started = (all, data = sample(all)) =>
  trainer(all, data, inPlane(all) ? lattice(5) : spaced(11));

function train(changes, steps) {
  const all = settings(changes);
  const data = sample(all);
  const run = started(all, data);
  const best = { validation: Infinity };
  for (let i = 0; i < steps && Number.isFinite(run.step(all)); i++) {
    if (i % 100 === 0) best.validation = Math.min(best.validation, run.losses()[1]);
  }
  const [training, validation] = run.losses();
  const dead = deadUnits(run.outputs("data"), run.sizes).length;
  const result = { steps: run.steps, training, validation, best: best.validation, dead };
  run.dispose();
  return result;
}

test("settings survive the address", () => {
  const points = { target: "points", points: [[1, -0.5], [2, 3]] };
  const plane = { target: "xor", features: ["x1x2", "sinx2"], layers: [1, 2, 3, 4, 5, 6] };
  for (const changes of [...Object.values(PRESETS), points, plane, { features: ["sinx1"] }]) {
    assert.deepEqual(fromFragment(toFragment(settings(changes))), [settings(changes), []]);
  }
  assert.equal(toFragment(defaults()), "");
});

test("an old address means what it meant", () => {
  const old = { target: "step", n: 50, layers: [8, 4], sigma: "relu", l2: 0.01 };
  assert.deepEqual(fromFragment("#target=step&n=50&layers=8-4&sigma=relu&l2=0.01"),
    [settings(old), []]);
  assert.deepEqual(settings(old).features, ["x1"]);
});

test("features are those of the data", () => {
  assert.deepEqual(featuresOf({ target: "curve" }), ["x1", "x1x1", "sinx1"]);
  assert.deepEqual(featuresOf({ target: "xor" }), Object.keys(FEATURES));
  const [{ features }, [complaint]] = fromFragment("#features=x1-x1x2");
  assert.deepEqual(features, ["x1"]);
  assert.match(complaint, /features = x1-x1x2 are not of these data/);
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

test("noise moves points of both classes, and validation has points of its own", () => {
  for (const target of Object.keys(PATTERNS)) {
    const all = settings({ target, noise: 0 });
    const { x, y, xVal } = sample(all);
    assert.ok(x.flat().every((v) => Math.abs(v) <= 2.7));
    const ones = y.filter((label) => label === 1).length;
    assert.ok(ones > 150 && ones < 250);
    assert.notDeepEqual(x, xVal);
    const moved = sample({ ...all, noise: 0.5 });
    assert.deepEqual(moved.y, y);
    const variance = x.flatMap((p, i) => p.map((v, j) => (moved.x[i][j] - v) ** 2))
      .reduce((a, b) => a + b) / 800;
    assert.ok(Math.abs(variance - 0.25) < 0.05);
  }
});

test("a product solves xor, squares solve the circles, a large logit is no overflow", () => {
  const small = { noise: 0, layers: [2], lr: 1 };
  assert.ok(train({ ...small, target: "xor", features: ["x1x2"] }, 300).training < 0.1);
  assert.ok(train({ ...small, target: "circles", features: ["x1x1", "x2x2"] }, 300).training < 0.1);
  const all = settings({ target: "xor", sigma: "square", layers: [8, 8], lr: 1e-5 });
  assert.ok(Number.isFinite(started(all).step(all)));
});

test("the presets show what they promise", () => {
  const over = train(PRESETS.Overfitting, 20000);
  assert.ok(over.training < 0.5 * over.validation && over.validation > 1.1 * over.best);
  assert.ok(train(PRESETS.Divergence, 200).steps < 200);
  assert.equal(train(PRESETS["Dead ReLU"], 1000).dead, 8);
  const parabola = train(PRESETS.Polynomial, 4000).training;
  const tanh = train({ ...PRESETS.Polynomial, sigma: "tanh", lr: 0.05 }, 8000).training;
  assert.ok(parabola > 0.3 && tanh < 0.8 * parabola);
  assert.ok(train(PRESETS.Circles, 1000).training < 0.1);
  assert.ok(train(PRESETS.Spiral, 3000).training < 0.15);
});

test("the penalty shrinks the weights", () => {
  const squares = (l2) => {
    const all = settings({ l2, n: 50 });
    const run = started(all);
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
    "features": { features: ["x1", "x1x1", "sinx1"], lr: 0.001 },
    "xor": { target: "xor", features: ["x1x2"], batch: 32, l2: 0.01 },
    "all features": { target: "spiral", features: Object.keys(FEATURES), layers: [4, 4, 4, 4, 4, 4] },
  };
  writeFileSync(process.env.CELLS, JSON.stringify(Object.fromEntries(
    Object.entries(variants).map(([name, v]) => [name, asPython(settings(v), 200)]))));
}
