"""The flags of a run on many hosts, and parts that all of them share."""

import pytest
from absl import flags

from lec7 import runs
from lec7.runs import distributed

ADDRESS = "10.0.0.1:1234"


def meeting(*words, **environment):
    options = flags.FlagValues()
    distributed.define_flags(options)
    options(["lec7", *words])
    return distributed.meeting(options, environment)


def test_without_distributed_there_is_one_host():
    assert meeting(JAX_COORDINATOR_ADDRESS=ADDRESS) is None
    with distributed.joined(None):
        assert distributed.measures()
        assert not distributed.measures(False)


def test_the_meeting_is_found_by_flags_the_environment_or_jax():
    words = f"--coordinator={ADDRESS}", "--num_processes=2", "--process_id=1"
    expected = distributed.Meeting(ADDRESS, 2, 1, 60.0)
    assert meeting("--distributed", *words) == expected
    environment = {
        "JAX_COORDINATOR_ADDRESS": "other:1",
        "JAX_NUM_PROCESSES": "2",
        "JAX_PROCESS_ID": "1",
    }
    assert meeting("--distributed", words[0], **environment) == expected
    nothing = distributed.Meeting(None, None, None, 9.5)
    assert meeting("--distributed", "--lost_after=9.5") == nothing


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--process_id=1"], "--process_id is given without --distributed"),
        (["--distributed", "--coordinator=x"], "--coordinator=x: expected HOST:PORT"),
        (
            ["--distributed", "--num_processes=2", "--process_id=2"],
            "--process_id=2: expected 0 to 1",
        ),
        (
            ["--distributed", f"--coordinator={ADDRESS}", "--process_id=0"],
            "--num_processes is missing",
        ),
        (["--distributed", "--lost_after=nan"], "--lost_after=nan: expected seconds"),
    ],
)
def test_a_wrong_meeting_is_refused_with_its_remedy(words, told):
    with pytest.raises(runs.UsageError) as error:
        meeting(*words)
    assert told in str(error.value)


def test_a_variable_that_is_no_number_is_named():
    with pytest.raises(runs.UsageError, match="JAX_PROCESS_ID=x: expected a number"):
        meeting("--distributed", JAX_PROCESS_ID="x")
