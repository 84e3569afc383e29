import numpy as np

from experiments import conditioning_speed


def test_pairs_change_places_where_two_measures_disagree():
    first = {"a": np.array([1, 1]), "b": np.array([2, 2]), "c": np.array([3, 3])}
    second = {"a": np.array([1, 3]), "b": np.array([2, 2]), "c": np.array([3, 1])}
    np.testing.assert_allclose(conditioning_speed._swapped(first, second), [0, 1])
