"""What is said where the hosts do not come together."""

import contextlib
import os
import threading
from collections.abc import Generator

from lec7.hosts import star


@contextlib.contextmanager
def patience(start: float) -> Generator[None, None, None]:
    """End the process where the others do not come: JAX's waiting has no other end."""

    def give_up():
        told = (
            f"lec7: not all hosts have come within {start:.0f} s; expected the same "
            "command on each, with one coordinator, which all of them reach, and one "
            "number of processes\n"
        )
        os.write(2, told.encode())
        os._exit(star.LOST)

    timer = threading.Timer(start, give_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextlib.contextmanager
def named_errors(coordinator: str | None) -> Generator[None, None, None]:
    """Let JAX's errors say what was expected.

    Raises:
      RuntimeError: another error of JAX.
      ValueError: no cluster is found, or the first host cannot listen there.
    """
    try:
        yield
    except ValueError as error:
        raise ValueError(
            f"no cluster was found, and not all is given ({error}); expected the "
            "coordinator, the number of processes and the number of this one"
        ) from error
    except RuntimeError as error:
        if "RPC server" not in str(error):
            raise
        raise ValueError(
            f"the first host cannot listen at {coordinator} ({error}); expected an "
            "address of it with a free port"
        ) from error
