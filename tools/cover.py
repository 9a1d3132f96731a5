"""Draw the book's cover, its mark and its card, from the example of the landing page.

    python tools/cover.py

The cover is that page's network while it learns: its curve after each number of updates in
UPDATES, and thick the last one, over the 400 points that it is fitted to. The mark is what three
hidden units make of the same points: the least-squares fit with three kinks. It writes into
_static/ cover.svg and favicon.svg, and the same as PNG for what shows no SVG: card.png, where a
link to the book is shared, and icon.png, on the screen of a phone.
"""

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax
from find_ext import book as place
from jax import lax
from matplotlib.patches import FancyBboxPatch, Polygon
from PIL import Image
from scipy.optimize import minimize

from dl_core import init_mlp, mlp, mse
from dl_data import noisy_curve
from dl_plots import BLUE, GREY, YELLOW

STATIC = place.ROOT / "_static"
UPDATES = [0, 1, 2, 3, 4, 5, 7, 10, 14, 20, 30, 45, 60, 74, 84, 92, 98, 103, 107, 110, 112, 114,
           116, 118, 120, 123, 127, 150]
WIDTH, HEIGHT = 2400, 600  # units of cover.svg, shown as half as many pixels
LOW, HIGH = -0.3, 2.85  # of the outcomes shown
NODES = np.arange(0, 101, 4)  # of a curve, where its cubic pieces meet
ABOVE, BELOW, BELOW_IN_THE_DARK = "#F2A91B", BLUE, "#2B95D6"  # the colours of the mark

COVER = """<!-- Written by tools/cover.py: a network's curve while it learns from 400 points. -->
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" \
width="{width_pt}pt" height="{height_pt}pt" fill="none">
<path d="{points}" stroke="{grey}" stroke-width="8" stroke-linecap="round"/>
<g stroke-width="3.2">
{curves}
</g>
<path d="{last}" stroke="{blue}" stroke-width="12"/>
</svg>
"""
MARK = """<!-- Written by tools/cover.py: the best fit of three hidden units. -->
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">
<style>.b{{fill:{below}}}@media(prefers-color-scheme:dark){{.b{{fill:{dark}}}}}</style>
<clipPath id="t"><rect width="32" height="32" rx="7"/></clipPath>
<g clip-path="url(#t)">
<path fill="{above}" d="M0 0h32v32H0z"/>
<path class="b" stroke="#fff" stroke-width="3" stroke-linejoin="round" d="M{line}H40V40H-8z"/>
</g>
</svg>
"""


def learn(x, y, key, grid):
    """The network's curve on `grid` after 0, 1, ..., 4000 updates, as lectures/intro.md trains it.

    Returns: (4001, len(grid)).
    """
    adam = optax.adam(optax.cosine_decay_schedule(0.01, 4_000))

    def update(state, _):
        theta, memory = state
        step, memory = adam.update(jax.grad(mse)(theta, x, y), memory)
        return (optax.apply_updates(theta, step), memory), mlp(theta, grid)[:, 0]

    theta = init_mlp(key, (1, 10, 10, 10, 1))
    return lax.scan(update, (theta, adam.init(theta)), length=4_001)[1]


def three_units(x, y):
    """The least-squares fit of a network with three hidden ReLU units: its ends and its kinks.

    The first unit bends to the left, the others to the right, as the best of them do.

    Returns: x (5,), y (5,).
    """
    def units(at, kinks):
        first, *others = kinks
        bent = [first - at, *(at - kink for kink in others)]
        return np.column_stack([np.ones_like(at), *(np.maximum(z, 0) for z in bent)])

    def weights(kinks):
        return np.linalg.lstsq(units(x, kinks), y, rcond=None)[0]

    kinks = minimize(lambda kinks: np.mean((units(x, kinks) @ weights(kinks) - y) ** 2),
                     [1.2, 2.4, 4.0], method="Nelder-Mead").x
    ends = np.array([x.min(), *kinks, x.max()])
    return ends, units(ends, kinks) @ weights(kinks)


def across(x):
    return np.asarray(x) / 5 * WIDTH


def down(y):
    return (HIGH - np.asarray(y)) / (HIGH - LOW) * HEIGHT


def joined(numbers):
    return " ".join(map(str, numbers)).replace(" -", "-")


def smooth(grid, values):
    """A curve as cubic pieces of SVG, with its own slopes where they meet."""
    x, y = across(grid), down(values)
    slope = np.gradient(y, x)[NODES]
    x, y = np.rint(x[NODES]).astype(int), np.rint(y[NODES]).astype(int)
    third = (x[1] - x[0]) / 3
    path = f"M{x[0]} {y[0]}c{round(third)} {round(slope[0] * third)} "
    pieces = [joined([round(2 * third), round(y[k] - slope[k] * third) - y[k - 1],
                      x[k] - x[k - 1], y[k] - y[k - 1]]) for k in range(1, len(NODES))]
    return path + "s".join(pieces)


def dots(x, y):
    """Points as strokes of no length, each from the one before."""
    at = np.rint(np.column_stack([across(x), down(y)])).astype(int)
    moves = np.diff(at, axis=0, prepend=0)
    return "".join(f"m{joined(move)}h0" for move in moves)


def shades():
    """A colour for each of the curves that come before the last: from yellow to blue."""
    ends = [np.array([int(colour[i:i + 2], 16) for i in (1, 3, 5)]) for colour in (YELLOW, BLUE)]
    for share in np.linspace(0, 1, len(UPDATES)):
        light = (1 - share) * ends[0] ** 2.2 + share * ends[1] ** 2.2  # mixed as light is
        yield "#" + "".join(f"{round(value):02x}" for value in light ** (1 / 2.2))


def marked(ends, values):
    """The fit of three units on the mark's tile of 32 by 32, y downwards, past both edges."""
    height = (values - values.min()) / np.ptp(values)
    return np.round(np.column_stack([34 * ends / 5 - 1, 29 - 21.5 * height]), 1)


# Pictures of pixels


def canvas(width, height):
    fig = plt.figure(figsize=(width / 100, height / 100))
    ax = fig.add_axes([0, 0, 1, 1], xlim=(0, width), ylim=(height, 0))
    ax.axis("off")
    return fig, ax


def add_mark(ax, line, x, y, size, corner):
    """The mark, its upper left corner at (x, y)."""
    unit = size / 32
    tile = FancyBboxPatch((x, y), size, size, facecolor=ABOVE, edgecolor="none",
                          boxstyle=f"round,pad=0,rounding_size={corner * unit}")
    around = np.array([*line, (40, line[-1, 1]), (40, 40), (-8, 40)])
    under = Polygon(around * unit + [x, y], facecolor=BELOW, edgecolor="white",
                    joinstyle="round", linewidth=3 * unit * 0.72)
    ax.add_patch(tile)
    ax.add_patch(under)
    under.set_clip_path(tile)


def draw_card(line, x, y, grid, curves):
    """The mark, the title, and the cover below them."""
    fig, ax = canvas(1200, 630)
    add_mark(ax, line, 72, 64, 104, 7)
    ax.text(212, 118, "Deep Learning with JAX", fontsize=43, va="center", color="#222832")
    ax.plot(across(x) / 2, 215 + 0.68 * down(y), "o", color=GREY, markersize=3.5, markeredgewidth=0)
    for step, colour in zip(UPDATES, shades()):
        ax.plot(across(grid) / 2, 215 + 0.68 * down(curves[step]), color=colour, linewidth=1.2)
    ax.plot(across(grid) / 2, 215 + 0.68 * down(curves[-1]), color=BLUE, linewidth=5)
    return fig


def save(fig, name, colours):
    """As a small file: few colours are enough."""
    fig.savefig(STATIC / name, dpi=100)
    with Image.open(STATIC / name) as image:
        small = image.convert("RGB").quantize(colours)
    small.save(STATIC / name, optimize=True)


def main():
    key_data, key_theta = jax.random.split(jax.random.key(0))
    x, y = noisy_curve(key_data)
    grid = np.linspace(0, 5, 101)
    curves = learn(x, y, key_theta, jnp.asarray(grid)[:, None])
    curves, x, y = (np.asarray(a, dtype=float) for a in (curves, x[:, 0], y[:, 0]))
    line = marked(*three_units(x, y))

    thin = [f'<path d="{smooth(grid, curves[step])}" stroke="{colour}"/>'
            for step, colour in zip(UPDATES, shades())]
    (STATIC / "cover.svg").write_text(COVER.format(
        width=WIDTH, height=HEIGHT, width_pt=WIDTH * 3 // 8, height_pt=HEIGHT * 3 // 8,
        points=dots(x, y), grey=GREY, curves="\n".join(thin), blue=BLUE,
        last=smooth(grid, curves[-1])), encoding="utf-8")
    (STATIC / "favicon.svg").write_text(MARK.format(
        above=ABOVE, below=BELOW, dark=BELOW_IN_THE_DARK,
        line=" ".join(f"{a:g} {b:g}" for a, b in line)), encoding="utf-8")
    save(draw_card(line, x, y, grid, curves), "card.png", 64)
    fig, ax = canvas(180, 180)
    add_mark(ax, line, 0, 0, 180, 0)  # a phone rounds the corners itself
    save(fig, "icon.png", 32)


if __name__ == "__main__":
    main()
