"""The record of a training: numbers alone, apart from the networks."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

CEILING = 1e6  # nats; what a larger loss, or one that is not a number, counts as


class Record(NamedTuple):
    """What was measured of M networks while they were trained."""

    updates: np.ndarray
    """Made by each member, int [M]."""
    history: Mapping[str, np.ndarray]
    """Metrics along the training, [T', M], and `NAME_step` [T']; see `loop.fit`."""
    final: Mapping[str, np.ndarray]
    """`train_loss`, `train_accuracy` and the like for all splits, [M]."""

    @property
    def start(self) -> np.ndarray:
        """The first batch loss [M]."""
        return self.history["loss"][0]

    @property
    def end(self) -> np.ndarray:
        """The final training loss [M], `CEILING` where it has exploded."""
        return _bounded(self.final["train_loss"].astype(np.float64))

    @property
    def curve(self) -> tuple[np.ndarray, np.ndarray]:
        """Updates made [T], and the loss on the whole training set [M, T].

        The loss is `CEILING` once it has exploded, NaN once a member has stopped.
        """
        steps = self.history["train_loss_step"]
        loss = _bounded(self.history["train_loss"].T)
        return steps + 1, np.where(steps < self.updates[:, None], loss, np.nan)

    @property
    def batch_losses(self) -> tuple[np.ndarray, np.ndarray]:
        """The number of every update [T], and the loss before it [M, T]."""
        return self.history["loss_step"], self.history["loss"].T

    @property
    def rises(self) -> np.ndarray:
        """How many of the updates raised the batch loss, in %, [M]."""
        return 100 * np.mean(np.diff(self.history["loss"], axis=0) > 0, axis=0)

    def percent(self, split: str) -> np.ndarray:
        """Return the final accuracy on a split in %, [M]."""
        return 100 * self.final[f"{split}_accuracy"]

    def updates_to(self, share: float) -> np.ndarray:
        """Return the updates to a share of the first batch loss [M], or all made."""
        losses = self.history["loss"]
        below = np.vstack([losses < share * losses[0], np.ones_like(losses[:1], bool)])
        return np.argmax(below, axis=0)

    def part(self, members: slice) -> "Record":
        """Return the record of some of the members."""
        return Record(
            updates=self.updates[members],
            history={
                name: values if name.endswith("_step") else values[:, members]
                for name, values in self.history.items()
            },
            final={name: values[members] for name, values in self.final.items()},
        )


def _bounded(loss: np.ndarray) -> np.ndarray:
    return np.minimum(np.nan_to_num(loss, nan=CEILING), CEILING)
