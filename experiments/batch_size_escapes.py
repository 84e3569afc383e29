"""Which batches shake a descent out of a local minimum: the frequency of a noisy sine.

  l_i(w) = (sin(w t_i) - y_i)^2 / 2,   y_i = sin(w* t_i) + noise,   i = 1 .. N

The mean over the examples has its global minimum near w* and a local one at every side
lobe. A single example has other minima, which is what may shake a descent out.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from lec7 import data, report, update_rules

FREQUENCY = 4.0  # w*, radians a second
HALF_TIME = 2.0  # times are uniform up to here on both sides of zero, seconds
NOISE = 0.3  # standard deviation of the observations
GRID = np.linspace(0.0, 12.0, 1201)  # frequencies on which minima are told apart
SIZES = (1, 2, 4, 16)  # batch sizes, beside all examples
LOCAL = 7.8  # frequency near a local minimum, where the descents begin that are drawn
TOLERANCE = 0.01  # loss above the lowest at which the minimum is found
FREQUENCIES = "frequency w (radians a second)"


class Samples(NamedTuple):
    """N observations; a pytree whose leading axis is the example."""

    times: np.ndarray
    """t, [N]."""
    values: np.ndarray
    """y, [N]."""


class Basin(NamedTuple):
    """The global minimum, and how far its valley reaches."""

    low: float
    high: float
    minimum: float
    """Of the mean loss."""

    def holds(self, w: np.ndarray) -> np.ndarray:
        """Return whether a frequency lies in the valley."""
        return (self.low < w) & (w < self.high)


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
    problem: Samples
    """The first one."""


def samples(seed: int, examples: int) -> Samples:
    """Draw the N observations of one problem."""
    generator = np.random.default_rng(seed)
    times = generator.uniform(-HALF_TIME, HALF_TIME, examples)
    noise = NOISE * generator.normal(size=examples)
    return Samples(times, np.sin(FREQUENCY * times) + noise)


def loss(w: jax.Array, batch: Samples) -> jax.Array:
    """Return the mean loss of a batch at a frequency []."""
    return jnp.mean((jnp.sin(w * batch.times) - batch.values) ** 2) / 2


def mean_loss(problem: Samples, w: np.ndarray) -> np.ndarray:
    """Return the loss over all examples at frequencies [A]."""
    each = np.sin(np.asarray(w)[:, None] * problem.times) - problem.values
    return np.mean(each**2, axis=1) / 2


def global_basin(problem: Samples) -> Basin:
    """Return the valley of the lowest minimum on `GRID`."""
    heights = mean_loss(problem, GRID)
    bottom = int(np.argmin(heights))
    inner = heights[1:-1]
    tops = 1 + np.flatnonzero((inner > heights[:-2]) & (inner >= heights[2:]))
    low = max(GRID[tops[tops < bottom]], default=-np.inf)
    high = min(GRID[tops[tops > bottom]], default=np.inf)
    return Basin(float(low), float(high), float(heights[bottom]))


def make_descend(
    rule: optax.GradientTransformation,
) -> Callable[[Samples, np.ndarray, np.ndarray], jax.Array]:
    """Return the compiled function that follows a rule.

    It takes a problem, starts [A] and the examples of every update [A, T, B], and
    returns frequencies [A, T + 1].
    """

    def follow(problem, start, batches):
        def step(carry, chosen):
            w, state = carry
            batch = jax.tree.map(lambda leaf: leaf[chosen], problem)
            changes, state = rule.update(jax.grad(loss)(w, batch), state, w)
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
    """Descend with several batch sizes at one rate.

    Args:
      rate: step size.
      seeds: [M], one for each problem.
      examples: N, of a problem; more than the largest of `SIZES`.
      starts: A, spread over the range of `GRID`.
      updates: T.
    """
    sizes = (*SIZES, examples)
    places = np.linspace(GRID[0], GRID[-1], starts + 2)[1:-1]
    problems = [samples(seed, examples) for seed in seeds]
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
    valley = global_basin(problem)
    outside = ~valley.holds(starts)
    heights = np.asarray([mean_loss(problem, row) for row in ends])
    return np.asarray(
        [
            valley.holds(ends)[:, outside].mean(axis=1),
            (heights < valley.minimum + TOLERANCE).mean(axis=1),
        ]
    )


def claims(descents: Descents, source: str) -> list[report.Claim]:
    """Decide what single examples are good for, and what not."""
    say = report.Claims(source=source, figure="escapes")
    found = 100 * descents.found
    unit = "points of all descents, one − all examples"
    return [
        say.mean(
            "G03",
            "All examples stay in a local minimum out of which the changing loss of "
            "single ones shakes the descent: more of those leave it.",
            unit,
            100 * (descents.escaped[:, 0] - descents.escaped[:, -1]),
            above=0,
        ),
        say.mean(
            "G04",
            "Single examples seldom find the global optimum: fewer than half of the "
            "descents end there.",
            "% of descents",
            found[:, 0],
            below=50,
        ),
        say.paired(
            "G04.than_all",
            "Single examples find the global optimum less often than all examples do.",
            unit,
            (found[:, 0], found[:, -1]),
            below=0,
        ),
    ]


def section(descents: Descents, rate: float) -> report.Section:
    """Show the loss, the ways of some descents and how many find the minimum."""
    problem = descents.problem
    bumps = {"all examples": mean_loss(problem, GRID)}
    for place in range(3):
        alone = Samples(*(leaf[place : place + 1] for leaf in problem))
        bumps[f"example {place + 1} alone"] = mean_loss(alone, GRID)
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
            f"which is near {FREQUENCY:g}.",
        ),
        report.Curves(
            "escapes",
            {name: (descents.sizes, 100 * share) for name, share in shares.items()},
            ("batch size (examples)", "share of descents (%)"),
            log="x",
            caption="How many descents end where, after equally many updates.",
        ),
    )
