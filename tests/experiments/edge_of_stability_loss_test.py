"""What is counted of the loss along the trainings."""

import numpy as np

from experiments import edge_of_stability
from experiments import edge_of_stability_loss as loss


def edge(losses, updates=(0,), sharpness=((1.0,),)):
    shape = np.shape(sharpness)
    return edge_of_stability.Edge(
        limit=2.0,
        updates=np.array(updates),
        sharpness=np.array(sharpness),
        critical=np.ones(shape),
        losses=np.array(losses),
    )


def test_losses_are_read_where_the_limit_was_first_reached():
    found = edge(
        [[8.0, 7, 6, 5], [4, 3, 2, 3], [1, 1, 1, 1]],
        updates=(2, 4),
        sharpness=[[1.0, 3.0], [2.5, 1.0], [1.0, 1.5]],
    )
    np.testing.assert_array_equal(loss.at_limit(found), [5, 2, np.nan])


def test_rises_are_counted_in_the_last_quarter():
    losses = np.tile(np.arange(9.0)[::-1], (2, 1))
    losses = np.concatenate([losses, [[0.0, 1.0, 2.0], [0.0, 1.0, 0.5]]], axis=1)
    np.testing.assert_array_equal(loss.rises(edge(losses)), [100, 50])
