import pytest

from experiments import rotated_ellipse


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"seeds": (1, 1)}, "seeds is"),
        ({"angle": 90.0}, "between 0 and 90 degrees"),
        ({"high": 5.0}, "expected low < high"),
        ({"fraction": 1.0}, "fraction is 1.0"),
        ({"steps": 1}, "steps is 1; expected at least 2"),
    ],
    ids=str,
)
def test_a_configuration_that_makes_no_sense_is_refused(setting, message):
    with pytest.raises(ValueError, match=message):
        rotated_ellipse.Config(**setting)
