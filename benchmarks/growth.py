"""How the time of a step of `dl_core.train` grows with rows, width, depth and batch."""

import jax
import numpy as np

from dl_core import init_mlp, train
from limits import best_seconds


def microseconds(sizes, n, batch_size=None, steps=50):
    """Time of one step of training on n rows of noise."""
    keys = jax.random.split(jax.random.key(0), 4)
    x, y = jax.random.normal(keys[0], (n, sizes[0])), jax.random.normal(keys[1], (n, sizes[-1]))
    theta = init_mlp(keys[2], sizes)

    def run():
        return train(theta, x, y, lr=1e-4, steps=steps, batch_size=batch_size, key=keys[3]).losses

    return best_seconds(run) / steps * 1e6


SWEEPS = {  # quantity: its values, and what is timed at each
    "rows": ([2**i for i in range(6, 14)], lambda n: microseconds((10, 64, 64, 1), n)),
    "width": ([2**i for i in range(3, 10)], lambda w: microseconds((10, w, w, 1), n=256)),
    "depth": ([2**i for i in range(6)], lambda d: microseconds((10, *[64] * d, 1), n=256)),
    "batch": ([2**i for i in range(4, 13)],
              lambda b: microseconds((10, 64, 64, 1), n=8192, batch_size=b)),
}


def growth():
    """For each quantity its values, microseconds a step, and the slope of the upper half."""
    out = {}
    for quantity, (values, time_at) in SWEEPS.items():
        us = [time_at(value) for value in values]
        half = len(values) // 2
        slope, _ = np.polyfit(np.log(values[half:]), np.log(us[half:]), 1)
        out[quantity] = {"values": values, "us": [float(f"{a:.4g}") for a in us],
                         "slope": round(float(slope), 2)}
    return out
