import pytest

from experiments import bias_correction


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"seeds": (-1, 0)}, "each >= 0"),
        ({"default_rate": 0.5}, "expected one of rates"),
        ({"max_steps": 9}, "max_steps is 9; expected at least 10"),
        ({"surface_rate": 0.0}, "expected more than 0"),
    ],
    ids=str,
)
def test_a_configuration_that_makes_no_sense_is_refused(setting, message):
    with pytest.raises(ValueError, match=message):
        bias_correction.Config(**setting)
