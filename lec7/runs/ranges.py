"""Range checks for the fields of a configuration."""

from collections.abc import Sequence
from typing import Any


def require_seeds(seeds: Sequence[int]) -> None:
    """Check that there are seeds for an interval: two or more different ones.

    Args:
      seeds: of the repetitions.

    Raises:
      ValueError: there are fewer than two, two are equal, or one is negative.

    Example:
      >>> require_seeds((0, 1, 2))
    """
    if len(set(seeds)) < max(2, len(seeds)) or min(seeds) < 0:
        raise ValueError(
            f"seeds is {seeds}; expected two or more different ones, each >= 0"
        )


def require_positive(config: Any, *names: str) -> None:
    """Check that fields are above zero.

    Args:
      config: an object with these fields.
      *names: of the fields.

    Raises:
      ValueError: one is not.
    """
    for name in names:
        if not getattr(config, name) > 0:
            raise ValueError(f"{name} is {getattr(config, name)}; expected more than 0")


def require_at_least(config: Any, least: int, *names: str) -> None:
    """Check that fields are not below a number.

    Args:
      config: an object with these fields.
      least: the smallest value that is allowed.
      *names: of the fields.

    Raises:
      ValueError: one is smaller.
    """
    for name in names:
        if getattr(config, name) < least:
            raise ValueError(
                f"{name} is {getattr(config, name)}; expected at least {least}"
            )
