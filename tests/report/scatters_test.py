"""What a figure of points holds."""

import numpy as np

from lec7 import report


def test_a_scatter_keeps_its_numbers_and_leaves_out_what_has_no_logarithm(tmp_path):
    x = np.array([[1.0, 0.0, 3.0], [np.nan, 2.0, -1.0]])
    y = np.arange(6.0).reshape(2, 3)
    scatter = report.Scatter(
        "points", {"x (m)": x, "2 x (m)": 2 * x}, y, "ab", "y (m)", caption="", log=True
    )
    first, *_ = scatter.draw().axes
    shown = [line.get_xydata().tolist() for line in first.lines]
    assert shown == [[[1, 0], [3, 2]], [[2, 4]]]
    with np.load(scatter.save(tmp_path).npz) as numbers:
        np.testing.assert_array_equal(numbers["y (m)"], y)
        np.testing.assert_array_equal(numbers["2 x (m)"], 2 * x)
