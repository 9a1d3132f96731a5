"""Figure style of the book, and the pictures that several lectures draw.

Call `use_style()` once, after the imports. Data are GREY, exact answers BLACK, networks
take the colours of COLORS in order (Okabe and Ito's palette, safe for colour-blind readers).
"""

import html
from base64 import b64encode
from io import BytesIO

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import HTML
from matplotlib.collections import LineCollection
from matplotlib_inline.backend_inline import set_matplotlib_formats

BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"
PINK, YELLOW, SKY = "#CC79A7", "#E69F00", "#56B4E9"
COLORS = [BLUE, ORANGE, GREEN, PINK, YELLOW, SKY]
GREY, BLACK = "#8C8C8C", "#000000"

STYLE = {
    "axes.grid": False,
    "axes.prop_cycle": mpl.cycler(color=COLORS),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.constrained_layout.use": True,
    "figure.dpi": 100,
    "figure.figsize": [6.4, 4.0],
    "font.size": 11,
    "image.cmap": "cividis",
    "legend.frameon": False,
    "lines.linewidth": 2,
    "savefig.dpi": 200,
    "svg.hashsalt": "deep-learning-with-jax",
}


def use_style(fmt="svg"):
    """Set the book's figure style; fmt "svg" for drawings, "png" where points are many."""
    mpl.rcParams.update(STYLE)
    if "inline" in mpl.get_backend():
        set_matplotlib_formats("png2x" if fmt == "png" else fmt)


def draw_network(ax, theta, labels=None):
    """Draw the graph of a network from its weights, as on the slides.

    A node is a unit, an arrow a weight: blue if positive, orange if negative, the wider the
    larger its size. Inputs stand on the left, outputs on the right; biases are not drawn.

    Args: ax: Matplotlib axes; theta: list of (W, b), W (k, j), at most 16 units a layer;
        labels: two lists of strings, for the inputs and the outputs.
    Raises: ValueError if a layer is too wide to draw.
    """
    weights = [np.asarray(W, dtype=float) for W, _ in theta]
    sizes = [W.shape[0] for W in weights] + [weights[-1].shape[1]]
    if max(sizes) > 16:
        raise ValueError(f"layers of {sizes} units are too wide to draw; 16 is the most")
    points = [
        np.column_stack([np.full(n, 2.0 * layer), np.arange(n)[::-1] - (n - 1) / 2])
        for layer, n in enumerate(sizes)
    ]
    largest = max(np.abs(W).max() for W in weights) or 1.0
    for W, left, right in zip(weights, points, points[1:]):
        ax.add_collection(LineCollection(
            [(a, b) for a in left for b in right],
            colors=[BLUE if w > 0 else ORANGE for w in W.ravel()],
            linewidths=3.5 * np.abs(W.ravel()) / largest,
            zorder=1,
        ))
    for layer in points:
        ax.scatter(*layer.T, s=260, facecolor="white", edgecolor=BLACK, linewidth=1.2, zorder=2)
    inputs, outputs = labels or ([], [])
    for (a, b), text in zip(points[0], inputs):
        ax.text(a - 0.3, b, text, ha="right", va="center")
    for (a, b), text in zip(points[-1], outputs):
        ax.text(a + 0.3, b, text, ha="left", va="center")
    ax.set_xlim(-0.9, 2.0 * len(weights) + 0.9)
    ax.set_ylim(-max(sizes) / 2 - 0.1, max(sizes) / 2 + 0.1)
    ax.set_axis_off()


def draw_fit(ax, x, y, truth, fits):
    """Draw data of one variable, the curve that they come from, and what was fitted to them.

    Args: ax: Matplotlib axes; x, y: (n,) or (n, 1), x in order; truth: values of the true curve
        at x; fits: dict, label -> values at x, drawn in the order of COLORS.
    """
    ax.plot(x, y, ".", color=GREY, markersize=4, alpha=0.6)
    ax.plot(x, truth, color=BLACK, label="true curve")
    for (label, values), color in zip(fits.items(), COLORS):
        ax.plot(x, values, color=color, label=label)
    ax.set(xlabel="$x$", ylabel="$y$")
    ax.legend()


PLAYER = """<div class="player">
{images}
<p><button type="button" onclick="
  const slider = this.nextElementSibling
  const stop = () => {{ clearInterval(this.timer); this.timer = null; this.textContent = 'Play' }}
  const next = () => {{
    if (slider.value === slider.max) return stop()
    slider.stepUp()
    slider.oninput()
  }}
  if (this.timer) return stop()
  if (slider.value === slider.max) {{ slider.value = 0; slider.oninput() }}
  this.textContent = 'Pause'
  this.timer = setInterval(next, {interval})
">Play</button>
<input type="range" aria-label="frame" min="0" max="{last}" value="{last}" oninput="
  this.closest('.player').querySelectorAll('img').forEach((img, i) => {{
    img.hidden = i !== Number(this.value)
    if (!img.hidden) this.nextElementSibling.value = img.dataset.label
  }})
  this.ariaValueText = this.nextElementSibling.value
"> <output>{label}</output></p>
</div>"""


def player(fig, draw, labels, alt, fps=10):
    """An animation as a web page shows it: a picture with a play button and a slider.

    Matplotlib's own player fetches its icons from another host and names neither picture nor
    slider, so a reader who is offline, or does not see, could not use it. This one starts at
    its last frame, which is also what print and a browser without JavaScript show.

    Args: fig: figure, closed afterwards; draw: function that changes fig to show frame
        0, 1, ...; labels: a short string a frame, shown beside the slider; alt: the finding,
        for those who do not see it; fps: frames a second.
    Returns: HTML to display as the last value of a cell; about 14 kB a frame with contours.
    Raises: ValueError if there are no labels.
    """
    if len(labels) == 0:
        raise ValueError("labels is empty; give one string a frame, such as ['step 0', 'step 1']")
    width, height = (round(80 * inches) for inches in fig.get_size_inches())
    images = []
    for i, label in enumerate(labels):
        draw(i)
        if i == 0:  # the axes stay where they are in the first frame
            fig.canvas.draw()
            fig.set_layout_engine("none")
        buffer = BytesIO()
        fig.savefig(buffer, format="webp", dpi=120, pil_kwargs={"quality": 50})
        hidden = "" if i == len(labels) - 1 else "hidden "
        images.append(
            f'<img {hidden}width="{width}" height="{height}" data-label="{html.escape(label)}" '
            f'alt="{html.escape(f"{alt} ({label})")}" '
            f'src="data:image/webp;base64,{b64encode(buffer.getvalue()).decode()}">')
    plt.close(fig)
    return HTML(PLAYER.format(images="\n".join(images), interval=round(1000 / fps),
                              last=len(labels) - 1, label=html.escape(labels[-1])))
