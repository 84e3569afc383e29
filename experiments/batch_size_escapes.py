"""Which batches shake a descent on a noisy sine's frequency out of a local minimum."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from lec7 import data, report, update_rules
from lec7.problems import noisy_sine

GRID = np.linspace(0.0, 12.0, 1201)  # frequencies on which minima are told apart
SIZES = (1, 2, 4, 16)  # batch sizes, beside all examples
LOCAL = 7.8  # frequency near a local minimum, where the descents begin that are drawn
TOLERANCE = 0.01  # loss above the lowest at which the minimum is found
FREQUENCIES = "frequency w (radians a second)"


class Descents(NamedTuple):
    """Where the descents of M problems have ended."""

    sizes: np.ndarray
    """Batch sizes, [S]."""
    escaped: np.ndarray
    """Share of the starts outside the global valley that ended in it, [M, S]."""
    found: np.ndarray
    """Share of all starts that ended at the global minimum, [M, S]."""
    paths: Mapping[str, np.ndarray]
    """Batch size -> one descent of the first problem, [T + 1]."""
    problem: noisy_sine.Samples
    """The first one."""


def make_descend(
    rule: optax.GradientTransformation,
) -> Callable[[noisy_sine.Samples, np.ndarray, np.ndarray], jax.Array]:
    """Return the compiled function that follows a rule.

    It takes a problem, starts [A] and the examples of every update [A, T, B], and
    returns frequencies [A, T + 1].
    """

    def follow(problem, start, batches):
        def step(carry, chosen):
            w, state = carry
            batch = jax.tree.map(lambda leaf: leaf[chosen], problem)
            changes, state = rule.update(jax.grad(noisy_sine.loss)(w, batch), state, w)
            w = optax.apply_updates(w, changes)
            return (w, state), w

        _, path = jax.lax.scan(step, (start, rule.init(start)), batches)
        return jnp.concatenate([start[None], path])

    return jax.jit(jax.vmap(follow, in_axes=(None, 0, 0)))


def draw_batches(
    seed: int, starts: int, updates: int, *, batch_size: int, examples: int
) -> np.ndarray:
    """Draw the batches [A, T, B] of several descents, each in an order of its own."""
    return np.stack(
        [
            data.batch_indices(
                seed * starts + place,
                0,
                updates,
                batch_size=batch_size,
                num_examples=examples,
            )
            for place in range(starts)
        ]
    )


def measure(
    rate: float, *, seeds: Sequence[int], examples: int, starts: int, updates: int
) -> Descents:
    """Descend with several batch sizes at one rate, from A starts in each problem."""
    sizes = (*SIZES, examples)
    places = np.linspace(GRID[0], GRID[-1], starts + 2)[1:-1]
    problems = [noisy_sine.draw(seed, examples) for seed in seeds]
    descend = make_descend(update_rules.sgd(rate))

    def ways(seed, problem, size):
        batches = draw_batches(
            seed, starts, updates, batch_size=size, examples=examples
        )
        return descend(jax.tree.map(jnp.float32, problem), jnp.float32(places), batches)

    found = np.asarray(
        [
            [ways(seed, problem, size) for size in sizes]
            for seed, problem in zip(seeds, problems, strict=True)
        ]
    )  # [M, S, A, T + 1]
    ends = [_ends(*pair, places) for pair in zip(problems, found[..., -1], strict=True)]
    escaped, reached = np.moveaxis(ends, 1, 0)
    shown = np.argmin(np.abs(places - LOCAL))
    paths = {
        f"batches of {size}": way
        for size, way in zip(sizes, found[0, :, shown], strict=True)
    }
    return Descents(np.asarray(sizes), escaped, reached, paths, problems[0])


def _ends(problem, ends, starts):
    """Return the shares that escaped and that found, [2, S], for ends [S, A]."""
    valley = noisy_sine.global_basin(problem, GRID)
    outside = ~valley.holds(starts)
    heights = np.asarray([noisy_sine.mean_loss(problem, row) for row in ends])
    return np.asarray(
        [
            valley.holds(ends)[:, outside].mean(axis=1),
            (heights < valley.minimum + TOLERANCE).mean(axis=1),
        ]
    )


def claims(descents: Descents, rate: float, source: str) -> list[report.Claim]:
    """Decide what single examples are good for, and what they are not."""
    say = report.Claims(source=source, figure="escapes")
    found = 100 * descents.found
    unit = "points of all descents, one − all examples"
    return [
        say.mean(
            "G03",
            "With all examples a descent stays in a local minimum, out of which the "
            "changing loss of single examples shakes it: more of those descents leave.",
            unit,
            100 * (descents.escaped[:, 0] - descents.escaped[:, -1]),
            above=0,
        ),
        say.mean(
            "G04",
            f"At a rate of {rate:g} single examples seldom find the global optimum: "
            "fewer than half of the descents end there.",
            "% of descents",
            found[:, 0],
            below=50,
        ),
        say.paired(
            "G04.than_all",
            f"At a rate of {rate:g} single examples find the global optimum less often "
            "than all examples do.",
            unit,
            (found[:, 0], found[:, -1]),
            below=0,
        ),
    ]


def section(descents: Descents, rate: float) -> report.Section:
    """Show the loss, the ways of some descents and how many find the minimum."""
    problem = descents.problem
    bumps = {"all examples": noisy_sine.mean_loss(problem, GRID)}
    for place in range(3):
        alone = noisy_sine.Samples(*(leaf[place : place + 1] for leaf in problem))
        bumps[f"example {place + 1} alone"] = noisy_sine.mean_loss(alone, GRID)
    shares = {
        "out of a local minimum's valley": descents.escaped,
        "at the global minimum, of all": descents.found,
    }
    return report.Section(
        "Out of a local minimum",
        f"The frequency of a sine is fitted to {len(problem.times)} noisy samples by "
        "least squares. SGD descends from starts spread over the whole range, at a "
        f"rate of {rate:g} for every batch size. Problem and rate were chosen after "
        "pilot runs, so that shaking out shows: at a quarter of the default rate "
        "hardly any descent is shaken out. A descent has found the minimum if its last "
        f"loss is within {TOLERANCE:g} of the lowest.",
        report.Curves(
            "bumps",
            {name: (GRID, y) for name, y in bumps.items()},
            (FREQUENCIES, "loss"),
            caption="The loss of all examples has local minima. Single examples have "
            "theirs elsewhere, so one of them may point out of the valley that holds "
            "the parameter.",
        ),
        report.Curves(
            "shaken",
            {name: (np.arange(y.size), y) for name, y in descents.paths.items()},
            ("updates", FREQUENCIES),
            caption="Descents from one start outside the valley of the global minimum, "
            f"which is near {noisy_sine.FREQUENCY:g}.",
        ),
        report.Curves(
            "escapes",
            {name: (descents.sizes, 100 * share) for name, share in shares.items()},
            ("batch size (examples)", "share of descents (%)"),
            log="x",
            caption="How many descents end where, after equally many updates.",
        ),
    )
