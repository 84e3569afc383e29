"""A value stands where its spacing says, and round numbers say so."""

import pytest

from lec7.report import sweep_axes

GRID = [10.0**power for power in range(-4, 1)]


@pytest.mark.parametrize(
    ("values", "middle", "place"),
    [
        (GRID, 0.01, 0.5),  # by the logarithm
        ([0.1, 0.2, 0.3, 0.4, 0.5], 0.3, 0.5),  # evenly
        ([0.0, 1e-4, 1e-3, 1e-2, 1e-1], 1e-3, 0.5),  # in order, as zero has no log
        (["sgd", "adam", "nesterov"], "adam", 0.5),
        ([(8,), (8, 8), (16,)], (8, 8), 0.5),
        ([16, 64], 16, 0.0),
        ([7], 7, 0.5),
    ],
)
def test_a_setting_stands_where_its_spacing_says(values, middle, place):
    axis = sweep_axes.of_setting(values)
    assert axis.place(middle) == pytest.approx(place)
    assert len(axis.ticks) == len(values)


def test_many_values_have_round_ticks():
    axis = sweep_axes.of_setting([1e-4 * 1.3**n for n in range(40)])
    assert [label for _, label in axis.ticks] == ["10⁻⁴", "0.001", "0.01", "0.1", "1"][
        : len(axis.ticks)
    ]


def test_a_measure_over_a_decade_is_logarithmic():
    assert sweep_axes.of_measure([0.01, 0.1, 1.0]).place(0.1) == pytest.approx(0.5)
    assert sweep_axes.of_measure([1.0, 2.0, 3.0]).place(2.0) == pytest.approx(0.5)
    assert sweep_axes.of_measure([0.0, 1.0, 100.0]).place(50.0) == pytest.approx(0.5)
    assert sweep_axes.of_measure([0.5, 0.5]).ticks == [(0.5, "0.5")]


@pytest.mark.parametrize("others", [(), (0.0,), (-0.1,), (-1e30, 0.0)])
def test_a_training_that_exploded_does_not_flatten_the_others(others):
    values = [0.1, 0.2, 0.3, 0.4, 1e30, *others]
    axis = sweep_axes.of_measure(values)
    assert axis.place(1e30) == axis.place(1e10) == 1.0
    assert axis.place(0.4) - axis.place(0.1) > 0.2
    assert sweep_axes.are_cut(values) and not sweep_axes.are_cut([0.0, 0.1, 5.0])
    assert all(0 <= axis.place(value) <= 1 for value in values)
    alike = sweep_axes.of_measure([0.5, 0.5, 0.5, 1e30])
    assert (alike.place(0.5), alike.place(1e30)) == (0.5, 1.0)


@pytest.mark.parametrize("ends", [(0.123, 0.13), (-3.0, 50.0), (1e-9, 2e-9), (5, 1e6)])
def test_ticks_stand_on_the_axis_in_a_readable_number(ends):
    ticks = sweep_axes.of_measure(ends).ticks
    assert 2 <= len(ticks) <= 12
    assert all(-1e-6 <= place <= 1 + 1e-6 for place, _ in ticks)
    assert [*dict.fromkeys(label for _, label in ticks)] == [x for _, x in ticks]
