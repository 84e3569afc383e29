"""What becomes of a training in which a loss or a network is no longer finite."""

import warnings
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lec7 import hosts
from lec7.train import metrics
from lec7.train import state as states

WAYS = ("stop", "raise", "go on")
"""A member that is not finite stops, ends the training of all, or goes on."""


class DivergedError(Exception):
    """The loss or the network of a member is not finite."""

    exit_code = 5


class Dispatch(NamedTuple):
    """What some updates have made of a population, perhaps not finite.

    A member that stops has the state from before them, and numbers in the metrics only
    of updates before its first loss that is not finite. The training ends where all
    have diverged.
    """

    training: str
    done: int  # updates before it
    made: dict[str, np.ndarray]  # [T, M]
    active: np.ndarray  # bool [M]; members that stop are taken from it
    diverged: set[int]  # members that have stopped; those that do are added
    kept: states.TrainState | None  # before it; None where one member ends all
    checked: bool
    log: metrics.MetricsLog

    def settle(
        self,
        state: states.TrainState,
        evaluate: Callable[[states.TrainState], dict[str, np.ndarray]],
    ) -> tuple[states.TrainState, dict[str, np.ndarray]]:
        """Check the updates and evaluate what they have made.

        Args:
          state: after them.
          evaluate: state -> name -> [M].

        Returns:
          The state, with that from before for members that stop, and what is measured
          there, NaN for members that have stopped so.

        Raises:
          DivergedError: the training ends; what was finite is in its metrics.
        """
        if not self.checked:
            return state, evaluate(state)
        state = self._check_updates(state)
        measured = evaluate(state)
        state = self._check_loss(state, measured.get("train_loss"))
        return state, without(measured, self.diverged)

    def _check_updates(self, state):
        """Return the state, as the loss of every update and the networks allow it."""
        losses = self.made["loss"]
        networks = _finite(state.variables)
        bad = np.vstack([~np.isfinite(losses), ~np.asarray(networks)])
        told = [[f"loss of member {{}} is {x}" for x in row] for row in losses]
        return self._settle(
            state, bad, [*told, ["network of member {} is not finite"] * len(bad.T)]
        )

    def _check_loss(self, state, loss):
        """Return the state, as the training loss [M] after them allows it."""
        if loss is None:
            return state
        count = len(self.made["loss"])
        bad = np.vstack([np.zeros((count, len(loss)), bool), ~np.isfinite(loss)])
        told = [f"loss of member {{}} is {x}" for x in loss]
        return self._settle(state, bad, [told] * (count + 1))

    def _settle(self, state, bad, told):
        """Return the state, with members that are bad [T + 1, M] as they were before.

        Raises:
          DivergedError: see `settle`.
        """
        bad = bad & self.active
        if not bad.any():
            return state
        stops = np.flatnonzero(bad.any(axis=0))
        places = [(int(np.argmax(bad[:, member])), int(member)) for member in stops]
        texts = {
            (at, member): f"training {self.training} diverged: the "
            f"{told[at][member].format(member)} at step {self.done + at}"
            for at, member in places
        }
        if self.kept is None or len(self.diverged) + len(stops) == len(self.active):
            first = min(places)
            self._keep(first[0])
            remedy = _remedy(self.done + first[0])
            raise DivergedError(f"{texts[first]}; expected a finite number: {remedy}")
        for text in texts.values():
            warnings.warn(f"{text}; it stops, the others go on", stacklevel=4)
        after = np.logical_or.accumulate(bad[:-1], axis=0)
        for name, rows in self.made.items():
            self.made[name] = np.where(after, np.nan, rows)
        self.active[stops] = False
        self.diverged.update(stops.tolist())
        return _put_back(state, self.kept, bad.any(axis=0))

    def _keep(self, count: int) -> None:
        if not hosts.is_first():
            return
        rows = {name: values[:count] for name, values in self.made.items()}
        if count:
            self.log.append(self.done, rows, self.active, {})
        if self.done + count:
            self.log.sync()


def without(measured: Mapping[str, np.ndarray], members: Collection[int]) -> dict:
    """Return name -> [M] with NaN for some of the members."""
    if not members:
        return dict(measured)
    lost = np.isin(np.arange(len(next(iter(measured.values()), []))), [*members])
    return {name: np.where(lost, np.nan, values) for name, values in measured.items()}


def _remedy(step: int) -> str:
    if step:
        return "lower the learning rate"
    return "no update has been made: look at the data and at the initialisation"


@jax.jit
def copy(tree: Any) -> Any:
    """Return a copy, of which a program may reuse the memory of the original."""
    return jax.tree.map(jnp.copy, tree)


@jax.jit
def _put_back(new: Any, old: Any, back: jax.Array) -> Any:
    def choose(new, old):
        return jnp.where(back.reshape(-1, *[1] * (new.ndim - 1)), old, new)

    return jax.tree.map(choose, new, old)


@jax.jit
def _finite(variables: Any) -> jax.Array:
    """Return which members [M] have finite numbers only, without leaving the device."""
    leaves = jax.tree.leaves(variables)
    numbers = [leaf for leaf in leaves if jnp.issubdtype(leaf.dtype, jnp.inexact)]
    finite = [jnp.isfinite(leaf).reshape(len(leaf), -1).all(axis=1) for leaf in numbers]
    return jnp.all(jnp.stack(finite), axis=0)
