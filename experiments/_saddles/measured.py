"""Descents near saddle points and local minima, and what they amount to."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from experiments import descents
from experiments._saddles import basin_map, double_wells, mountain_passes, random_waves
from lec7 import problems

OFFSETS = 10.0 ** -np.arange(1, 9)  # |v| at the start of a descent over a pass
PASS_NOISES = 10.0 ** -np.arange(1, 9)  # standard deviations on a pass
WELL_NOISES = np.array([1.0, 2.0, 3.0, 5.0, 7.0, 10.0, 15.0, 20.0, 30.0])
NEAR = 1e-3  # |v| at the start where rules are compared
FAR = 1e-8  # |v| at the start where noise is compared with its absence


class Passes(NamedTuple):
    """Updates out of N passes, by rule where nothing else is said.

    A pass is straight where its axes are along the coordinates, turned where they are
    not, and diagonal where they are half a right angle off: a rule that scales every
    coordinate by itself then cannot tell the way down to the saddle from the way out.
    """

    straight: Mapping[str, np.ndarray]
    """From each of `OFFSETS` [S, N]."""
    turned: Mapping[str, np.ndarray]
    """From `NEAR` [N]."""
    diagonal: Mapping[str, np.ndarray]
    """From `NEAR` [N]."""
    turned_paths: Mapping[str, problems.Path]
    """From `NEAR`, for some rules."""
    diagonal_paths: Mapping[str, problems.Path]
    """From `NEAR`, for the same rules."""
    tuned: Mapping[str, tuple[np.ndarray, np.ndarray]]
    """The best rates for diagonal passes, and the updates to the minimum [N], [N]."""
    noisy: np.ndarray
    """Of SGD from the ridge, with each of `PASS_NOISES` [L, N]."""
    noisy_far: np.ndarray
    """Of SGD from `FAR`, with the configured noise [N]."""
    on_ridge: problems.Path
    """Of SGD from the ridge of straight passes, without noise."""
    rounded: np.ndarray
    """Of SGD from the ridge of turned passes, without noise [N]."""
    bowls: Mapping[str, np.ndarray]
    """Last losses on convex bowls in place of the passes [N]."""


class Wells(NamedTuple):
    """Descents from uphill of the local minima of N wells, by rule."""

    rates: np.ndarray
    """[R]."""
    passed: Mapping[str, np.ndarray]
    """Whether they end lower than the local minimum, at each rate [R, N]."""
    equal: Mapping[str, problems.Path]
    """At one rate for all."""
    equal_passed: Mapping[str, np.ndarray]
    """At one rate for all [N]."""
    shaken: np.ndarray
    """Whether SGD from the local minimum does, with each of `WELL_NOISES` [L, N]."""
    loud: np.ndarray
    """Whether it does with the configured noise [N]."""
    still: np.ndarray
    """Whether it does without noise [N]."""


class Critical(NamedTuple):
    """Eigenvalues for each seed, by number of parameters."""

    waves: Mapping[int, list[np.ndarray]]
    """Of Hessians at critical points."""
    gaussian: Mapping[int, list[np.ndarray]]
    """Of random symmetric matrices."""


class Study(NamedTuple):
    """All that the claims are decided from."""

    passes: Passes
    wells: Wells
    critical: Critical
    basins: basin_map.Basins


def cross_passes(config: Any) -> Passes:
    """Descend over the passes.

    Args:
      config: the experiment's.

    Returns:
      What the descents do.
    """
    straight = mountain_passes.draw(config.draws, offset=1.0, angle=0.0)
    turned = mountain_passes.draw(config.draws, offset=NEAR)
    diagonal = mountain_passes.draw(config.draws, offset=NEAR, angle=np.pi / 4)
    ridge = mountain_passes.draw(config.draws, offset=0.0, angle=0.0)
    far = mountain_passes.moved(straight, [FAR])
    every = _join(mountain_passes.moved(straight, OFFSETS), turned, diagonal)
    found = {
        name: _updates(config, name, every).reshape(len(OFFSETS) + 2, -1)
        for name in descents.RULES
    }
    noise = _noise(config, config.steps)
    loud = [_updates(config, "SGD", ridge, s * noise) for s in PASS_NOISES]
    some = ("SGD", "AdaGrad", "RMSProp")
    bowls = _follow(config, some[1:], diagonal._replace(function=mountain_passes.bowl))
    return Passes(
        straight={name: counts[:-2] for name, counts in found.items()},
        turned={name: counts[-2] for name, counts in found.items()},
        diagonal={name: counts[-1] for name, counts in found.items()},
        turned_paths=_follow(config, some, turned),
        diagonal_paths=_follow(config, some, diagonal),
        tuned=_tune(config, diagonal),
        noisy=np.stack(loud),
        noisy_far=_updates(config, "SGD", far, config.noise * noise),
        on_ridge=_follow(config, ("SGD",), ridge)["SGD"],
        rounded=_updates(config, "SGD", mountain_passes.draw(config.draws, offset=0.0)),
        bowls={name: path.losses[:, -1] for name, path in bowls.items()},
    )


def _updates(
    config: Any, name: str, passes: problems.Family, noise: ArrayLike | None = None
) -> np.ndarray:
    """Return after how many updates a rule leaves passes [N]."""
    return problems.tune(
        descents.RULES[name],
        passes,
        config.steps,
        rates=[config.rate],
        score=_below(mountain_passes.half_way_down(passes)),
        noise=noise,
    ).least


def _below(level: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Return the score that counts updates until the loss is below a level [N]."""
    return lambda losses: problems.updates_below(losses, level[:, None])


def _follow(
    config: Any, names: Sequence[str], passes: problems.Family
) -> dict[str, problems.Path]:
    """Return the paths of rules over passes."""
    return {
        name: problems.descend(
            descents.RULES[name], passes, config.steps, rates=config.rate
        )
        for name in names
    }


def _tune(
    config: Any, passes: problems.Family
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return the best rates of all rules and the updates they take to settle."""
    rates = np.geomspace(*basin_map.RATES, config.rates)
    score = _below(0.95 * 2 * mountain_passes.half_way_down(passes))
    tuned = {
        name: problems.tune(
            make_rule, passes, config.steps // 5, rates=rates, score=score
        )
        for name, make_rule in descents.RULES.items()
    }
    return {name: (found.best, found.least) for name, found in tuned.items()}


def descend_wells(config: Any) -> Wells:
    """Descend into the wells.

    Args:
      config: the experiment's.

    Returns:
      What the descents do.
    """
    wells, rules = double_wells.draw(config.draws), descents.RULES
    rates = np.append(np.geomspace(*basin_map.RATES, config.rates), config.well_rate)
    every = problems.Family(
        wells.function,
        np.tile(wells.members, (rates.size, 1)),
        np.tile(wells.starts, (rates.size, 1)),
    )
    each, count = np.repeat(rates, len(wells.starts)), len(wells.starts)
    passed, equal = {}, {}
    for name, make_rule in rules.items():
        path = problems.descend(make_rule, every, config.well_steps, rates=each)
        passed[name] = double_wells.passed(every, path).reshape(rates.size, count)
        equal[name] = jax.tree.map(lambda leaf: leaf[-count:], path)
    resting, noise = double_wells.resting(wells), _noise(config, config.well_steps)

    def shaken(scale):
        path = problems.descend(
            rules["SGD"],
            resting,
            config.well_steps,
            rates=2 * config.well_rate,
            noise=scale * noise,
        )
        return double_wells.passed(wells, path)

    return Wells(
        rates=rates[:-1],
        passed={name: hits[:-1] for name, hits in passed.items()},
        equal=equal,
        equal_passed={name: hits[-1] for name, hits in passed.items()},
        shaken=np.stack([shaken(scale) for scale in WELL_NOISES]),
        loud=shaken(config.well_noise),
        still=shaken(0.0),
    )


def find_critical(config: Any) -> Critical:
    """Find random critical points, and draw matrices in the place of their Hessians.

    Args:
      config: the experiment's.

    Returns:
      The eigenvalues.
    """
    return Critical(
        {
            size: random_waves.critical_eigenvalues(
                config.draws, size, config.functions
            )
            for size in config.dimensions
        },
        {
            size: random_waves.gaussian_eigenvalues(config.draws, size, config.matrices)
            for size in config.dimensions
        },
    )


def gradient_lengths(family: problems.Family, points: np.ndarray) -> np.ndarray:
    """Return the lengths of the gradients at points [N, D] of N losses [N]."""
    return np.linalg.norm(family.slopes(points), axis=1)


def remembered(name: str, parameters: int = 1000) -> float:
    """Return how many numbers a rule remembers of each of its parameters."""
    state = descents.RULES[name](0.1).init(jnp.zeros(parameters))
    leaves = [leaf.size for leaf in jax.tree.leaves(state) if leaf.ndim]
    return sum(leaves) / parameters


def _noise(config: Any, steps: int) -> np.ndarray:
    """Return standard normal noise, of each seed its own [N, T, 2]."""
    return np.stack(
        [np.random.default_rng([s, 1]).normal(size=(steps, 2)) for s in config.draws]
    )


def _join(*families: problems.Family) -> problems.Family:
    """Return the members of families that have one function."""
    return problems.Family(
        families[0].function,
        np.concatenate([family.members for family in families]),
        np.concatenate([family.starts for family in families]),
    )
