"""The figure style, and networks drawn from their weights."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from bs4 import BeautifulSoup
from matplotlib.colors import to_hex

from dl_plots import (
    BLACK,
    BLUE,
    COLORS,
    GREY,
    ORANGE,
    STYLE,
    draw_fit,
    draw_network,
    player,
    use_style,
)

THETA = [
    (np.array([[1.0, -2.0, 0.5], [-1.0, 0.0, 4.0]]), np.zeros(3)),
    (np.array([[1.0], [1.0], [-1.0]]), np.zeros(1)),
]


@pytest.fixture
def ax():
    with mpl.rc_context({"backend": "agg"}):
        fig, ax = plt.subplots()
        yield ax
        plt.close(fig)


def test_use_style_sets_the_defaults():
    with mpl.rc_context():
        mpl.rcdefaults()
        use_style()
        assert {name: mpl.rcParams[name] for name in STYLE} == STYLE
    assert len(set(COLORS)) == 6


def test_arrows_show_sign_and_size(ax):
    draw_network(ax, THETA)
    first, last = ax.collections[:2]
    weights = THETA[0][0].ravel()
    assert len(first.get_segments()) == 6
    assert len(last.get_segments()) == 3
    colors = np.array([to_hex(c).upper() for c in first.get_colors()])
    assert set(colors[weights > 0]) == {BLUE}
    assert set(colors[weights < 0]) == {ORANGE}
    widths = first.get_linewidths()
    np.testing.assert_allclose(widths / max(widths), np.abs(weights) / 4)


def test_nodes_are_units_and_labels_stand_beside_them(ax):
    draw_network(ax, THETA, labels=(["a", "b"], ["out"]))
    assert [len(c.get_offsets()) for c in ax.collections[2:]] == [2, 3, 1]
    assert [t.get_text() for t in ax.texts] == ["a", "b", "out"]
    inputs, output = ax.collections[2].get_offsets(), ax.collections[4].get_offsets()
    assert [t.get_position()[1] for t in ax.texts] == [*inputs[:, 1], *output[:, 1]]
    assert inputs[0, 1] > inputs[1, 1], "the first input stands on top"


def test_zero_weights_are_drawn_without_width(ax):
    draw_network(ax, [(np.zeros((2, 2)), np.zeros(2))])
    assert not np.any(ax.collections[0].get_linewidths())


def test_wide_layers_are_refused(ax):
    with pytest.raises(ValueError, match=r"17.*16 is the most"):
        draw_network(ax, [(np.ones((2, 17)), np.zeros(17))])


def test_player_has_a_named_frame_for_each_label_and_fetches_nothing():
    fig, ax = plt.subplots()
    (line,) = ax.plot([], [])
    drawn = []

    def draw(i):
        drawn.append(i)
        line.set_data([0, i], [0, i])

    page = BeautifulSoup(player(fig, draw, ["start", "a < b"], "it \"rises\"").data, "html.parser")
    images = page.find_all("img")
    assert drawn == [0, 1]
    assert not plt.fignum_exists(fig.number)
    assert [img["alt"] for img in images] == ['it "rises" (start)', 'it "rises" (a < b)']
    assert [img.has_attr("hidden") for img in images] == [True, False]
    assert len({img["src"] for img in images}) == 2
    assert all(img["src"].startswith("data:image/webp;base64,") for img in images)
    assert "http" not in page.decode()
    assert page.find("input")["max"] == "1"
    assert page.find("output").text == "a < b"


def test_player_needs_frames():
    with pytest.raises(ValueError, match="one string a frame"):
        player(plt.figure(), print, [], "nothing")
    plt.close("all")


def test_a_fit_is_drawn_over_data_and_truth(ax):
    x = np.linspace(0, 1, 5)[:, None]
    draw_fit(ax, x, x + 1, x, {"network": 2 * x, "line": 3 * x[:, 0]})
    assert [line.get_color() for line in ax.lines] == [GREY, BLACK, BLUE, ORANGE]
    for line, factor in zip(ax.lines[1:], (1, 2, 3)):
        np.testing.assert_array_equal(line.get_xydata(), np.hstack([x, factor * x]))
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), x[:, 0] + 1)
    assert ax.lines[0].get_linestyle() == "None"
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["true curve", "network", "line"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("$x$", "$y$")
