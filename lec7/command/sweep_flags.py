"""The flags of a sweep, beside `--sweep` and `--experiment`."""

import math

from absl import flags

from lec7 import runs

FLAGS = (
    *("trials", "sweep_seed", "search", "objective", "members"),
    *("workers", "ray", "trial_cpus", "trial_gpus"),
)


def define_flags(found: flags.FlagValues) -> None:
    """Add them."""
    of = {"flag_values": found}
    flags.DEFINE_string("sweep", None, "what varies", **of)
    flags.DEFINE_integer("trials", None, "how many to draw", 1, **of)
    flags.DEFINE_integer("sweep_seed", None, "of what is drawn", 0, **of)
    flags.DEFINE_enum("search", None, ["tpe"], "what chooses them", **of)
    flags.DEFINE_string("objective", None, "measure by which to choose", **of)
    flags.DEFINE_integer("members", 64, "networks trained together", 1, **of)
    flags.DEFINE_integer("workers", None, "processes at a time", 1, **of)
    flags.DEFINE_string("ray", None, "address of a Ray cluster", **of)
    flags.DEFINE_float("trial_cpus", 1.0, "of the cluster, for a trial", 0.0, **of)
    flags.DEFINE_float("trial_gpus", 0.0, "of the cluster, for a trial", 0.0, **of)


def require_together(found: flags.FlagValues) -> None:
    """Refuse flags of one executor beside those of the other.

    Raises:
      UsageError: they are so.
    """
    if found.ray is not None and found.workers is not None:
        raise runs.UsageError(
            "--workers and --ray do not go together; expected one of them"
        )
    for name in ("trial_cpus", "trial_gpus"):
        if not math.isfinite(found[name].value):
            raise runs.UsageError(
                f"--{name}={found[name].value}: expected a finite number"
            )
        if found.ray is None and found[name].present:
            raise runs.UsageError(f"--{name} is given without --ray; expected both")
