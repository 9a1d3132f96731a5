// The sum of units with ReLU, each given by its kink and its slope right of it.

export const bent = ([kink, slope], x) => slope * Math.max(0, x - kink);

export const sum = (units, x) => units.reduce((total, unit) => total + bent(unit, x), 0);

// The sum's straight pieces from left to right: where each begins, and its slope.
export function pieces(units) {
  const found = [{ from: -Infinity, slope: 0 }];
  for (const [kink, change] of [...units].sort(([a], [b]) => a - b)) {
    const last = found.at(-1);
    if (last.from === kink) last.slope += change;
    else found.push({ from: kink, slope: last.slope + change });
  }
  const size = (slope) => Math.abs(slope) < 1e-9;
  return found.filter(({ slope }, i) => !i || !size(slope - found[i - 1].slope));
}
