"""Settings that make every experiment run in seconds."""

SMALL = {
    "second_order": {
        "seeds": (0, 1),
        "draws": 2,
        "starts": 2,
        "steps": 6,
        "widths": (1, 2),
        "times": 1,
        "width": 4,
        "batch_size": 128,
        "passes": 4,
        "batch_passes": 2,
        "rates": 2,
        "first_order": ("momentum",),
    },
}
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
