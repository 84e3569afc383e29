"""A collective that fails, and no watch that knows why."""

import types

import jax
import pytest

from lec7.hosts import membership, star

GLOO = "UNKNOWN: Gloo all-reduce failed: Read error [10.77.0.3]: timed out\nmore"


@pytest.fixture
def noted(monkeypatch):
    """What the watch of a host of several has been told to note."""
    notes = []
    watch = types.SimpleNamespace(note=lambda *given: notes.append(given))
    monkeypatch.setattr(membership, "_star", watch)
    monkeypatch.setattr(membership, "_HEARING", 0.0)
    return notes


def test_it_means_that_a_host_is_not_reached(noted):
    lost = membership._lost(jax.errors.JaxRuntimeError(GLOO))
    assert lost.exit_code == star.LOST
    assert "Read error [10.77.0.3]: timed out)" in str(lost)
    assert noted == [(star.LOST, str(lost))]


@pytest.mark.parametrize(
    "error",
    [jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: 9 TB"), ValueError("of Gloo")],
)
def test_another_error_stays_what_it_is(noted, error):
    assert membership._lost(error) is None
    assert not noted


def test_without_hosts_no_error_is_theirs():
    assert membership._lost(jax.errors.JaxRuntimeError(GLOO)) is None
