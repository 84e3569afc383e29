"""Independent members: trained together where they can be, in turn where not."""

import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import optax
from flax import linen as nn

from lec7 import train


class Member(NamedTuple):
    """A network to train."""

    model: nn.Module
    """With `axis_name=DEVICE_AXIS`; hashable, so its fields are tuples and no lists."""
    seed: int
    """Decides its start, its batches and its noise."""
    hyperparams: Mapping[str, float] = types.MappingProxyType({})
    """What the rule keeps by `optax.inject_hyperparams`, where the member differs."""


class Trained(NamedTuple):
    """A trained network."""

    model: nn.Module
    """As given."""
    variables: Mapping[str, Any]
    """`params` and `batch_stats`."""
    updates: int
    """Made, the cost of its training."""
    final: Mapping[str, float]
    """`train_loss`, `train_accuracy` and the like for all three splits."""


def train_members(
    members: Sequence[Member],
    rule: optax.GradientTransformation,
    dataset: Any,
    *,
    initialise: Callable[[nn.Module, jax.Array], Mapping[str, Any]],
    name: str = "members",
    **settings: Any,
) -> list[Trained]:
    """Train independent members of any mix of networks, seeds and hyper-parameters.

    Members of one network train as one population, each as it would alone; those of
    different ones, as of other widths or dropout rates, are trained in turn. A resumed
    run goes on where it was.

    Args:
      members: M of them. Those of one network name the same hyper-parameters.
      rule: the update rule, of `optax.inject_hyperparams` if members differ in it.
      dataset: what `train.train` takes.
      initialise: model, key -> variables.
      name: of the trainings in the run's folder, to which numbers are added.
      **settings: what else `train.train` takes, for all members the same.

    Returns:
      The trained members, in their order.

    Raises:
      ValueError: there is no member, members of one network name different
        hyper-parameters, or two are the same.
    """
    if not members:
        raise ValueError("members is empty; expected one or more")
    for index, member in enumerate(members):
        first = members.index(member)
        if first != index:
            raise ValueError(
                f"members {first} and {index} are the same, of seed {member.seed}; "
                "expected other seeds or hyper-parameters, as one says what both do"
            )
    groups: dict[nn.Module, list[int]] = {}
    for index, member in enumerate(members):
        groups.setdefault(member.model, []).append(index)
    hyperparams = [
        _together([members[index].hyperparams for index in indices])
        for indices in groups.values()
    ]
    trained: dict[int, Trained] = {}
    for number, (model, indices) in enumerate(groups.items()):
        population = train.train(
            model,
            rule,
            dataset,
            initialise=lambda key, model=model: initialise(model, key),
            seeds=[members[index].seed for index in indices],
            hyperparams=hyperparams[number],
            name=f"{name}_{number}",
            **settings,
        )
        for place, index in enumerate(indices):
            final = {
                key: float(value[place]) for key, value in population.final.items()
            }
            trained[index] = Trained(
                model, population.member(place), int(population.updates[place]), final
            )
    return [trained[index] for index in range(len(members))]


def _together(several: Sequence[Mapping[str, float]]) -> dict[str, list[float]]:
    """Return name -> the values of all members of a population.

    Raises:
      ValueError: the names differ.
    """
    names = [sorted(hyperparams) for hyperparams in several]
    if any(other != names[0] for other in names):
        raise ValueError(
            f"members of one network have the hyper-parameters {names}; expected the "
            "same names for each"
        )
    return {name: [one[name] for one in several] for name in names[0]}
