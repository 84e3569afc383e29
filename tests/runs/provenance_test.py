import importlib.metadata
import pathlib

import jax

from lec7 import runs


def test_a_checkout_that_is_not_installed_is_told_as_that(monkeypatch):
    known = importlib.metadata.version

    def version(name):
        if name == "lec7":
            raise importlib.metadata.PackageNotFoundError(name)
        return known(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    told = runs.environment(jax.devices()[:1], pathlib.Path(__file__).parent)
    assert told["versions"]["lec7"] == "not installed"
    assert told["versions"]["jax"] == jax.__version__
