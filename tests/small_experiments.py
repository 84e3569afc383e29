"""Settings that make every experiment run in seconds."""

SMALL = {}
# Of up to a minute each, however small; the tests of their parts are quick, and the
# README's first command runs sharp_vs_flat in full.
COMPILES_LONG = {
    "saddles",
    "second_order",
    "sharp_vs_flat",
    "sharpness_aware",
    "test_time_averaging",
}


def _own():
    """Put the settings that stand beside a Config in their place here."""
    import importlib
    import pathlib

    from lec7 import runs

    for name in runs.names(pathlib.Path(__file__).parent.parent / "experiments"):
        small = getattr(importlib.import_module(f"experiments.{name}"), "SMALL", None)
        SMALL[name] = small if isinstance(small, dict) else SMALL.get(name, {})


_own()
