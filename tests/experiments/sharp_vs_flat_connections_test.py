"""Ways between minima end at them."""

import numpy as np

from experiments import sharp_vs_flat_connections as connections


def test_ways_between_minima_end_at_them():
    line = {"train": {"loss": connections.LINE[None] ** 2}}
    curve = np.zeros((1, len(connections.BETWEEN)))
    straight, curved = connections.ways(line, curve).values()
    np.testing.assert_allclose(straight, connections.BETWEEN[None] ** 2)
    assert curved.shape == straight.shape


def test_the_loss_beyond_the_ends_is_as_far_outside_as_they_are_apart():
    line = {"train": {"loss": connections.LINE[None] ** 2}}
    first, second = connections.beyond_ends(line)
    np.testing.assert_allclose([first, second], [[1.0], [4.0]])
