import pytest

from experiments import descents
from lec7 import problems


def test_a_landscape_is_the_loss_and_where_that_is_negative_the_height():
    drawn = descents.landscape(problems.TACO_SHELL, resolution=5)
    (losses,) = drawn.losses.values()
    assert losses[0, 0] == pytest.approx((10**2 + 100 * 3.5**2) / 2)
    drawn = descents.landscape(problems.SADDLE, resolution=5)
    (losses,) = drawn.losses.values()
    assert losses[0, 2] == pytest.approx(2 * 1.5**2)
    assert losses.min() == pytest.approx(1e-4 * losses.max())
    assert "above" in drawn.loss_label
