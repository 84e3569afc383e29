import numpy as np

from experiments import conditioning, conditioning_speed


def test_pairs_change_places_where_two_measures_disagree():
    first = {"a": np.array([1, 1]), "b": np.array([2, 2]), "c": np.array([3, 3])}
    second = {"a": np.array([1, 3]), "b": np.array([2, 2]), "c": np.array([3, 1])}
    np.testing.assert_allclose(conditioning_speed._swapped(first, second), [0, 1])


def test_what_has_not_settled_has_no_number_of_updates():
    config = conditioning.Config(most_steps=50)
    assert conditioning_speed._unsettled(config, np.array([3, 49])) is None
    told = conditioning_speed._unsettled(config, np.array([3, 9]), np.array([4, 50]))
    assert told == "not every descent settles in 50 updates"
