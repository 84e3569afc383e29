"""What JAX did when, as a trace for Perfetto."""

import contextlib
from collections.abc import Generator

from lec7 import runs

FOLDER = "profile"


@contextlib.contextmanager
def profile(context: runs.Context, *, wanted: bool) -> Generator[None, None, None]:
    """Write a trace of what is done meanwhile into the run's folder.

    Args:
      context: of the run.
      wanted: whether to.
    """
    if not wanted:
        yield
        return
    import jax

    target = context.folder / FOLDER
    settings = jax.profiler.ProfileOptions()
    settings.python_tracer_level = 0  # every call of Python makes it ten times as large
    with jax.profiler.trace(
        str(target), create_perfetto_trace=True, profiler_options=settings
    ):
        yield
    (trace,) = sorted(target.glob("plugins/profile/*/perfetto_trace.json.gz"))[-1:]
    context.progress.say(f"open {trace} at https://ui.perfetto.dev")
