import pytest

from experiments import conditioning


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"seeds": (0,)}, "seeds is"),
        ({"low": 300.0}, "expected low < high"),
        ({"condition": 0.5}, "condition is 0.5; expected at least 1"),
        ({"equal_rate": 2.0}, "at which SGD diverges"),
        ({"rates": 1}, "rates is 1; expected at least 2"),
        ({"noise": 0.0}, "noise is 0.0; expected more than 0"),
    ],
    ids=str,
)
def test_a_configuration_that_makes_no_sense_is_refused(setting, message):
    with pytest.raises(ValueError, match=message):
        conditioning.Config(**setting)
