"""Does a sharp minimum of half of the data remain one on the landscape of all of it?

Networks are trained on half of a training set, with small and with large batches, seed
by seed from the same initial parameters to the same loss. Then the same points are
looked at on the landscape of all of the data: loss, gradient, sharpness, slices along
the same directions, and whether descent goes on from there. The same networks trained
on all of the data show whether sharp minima are found at all then.

Run: python launch.py --experiment=more_data

Expected: 1 minute on two CPU cores. At a minimum of half of the data, at 0.003 nats,
the loss on all of it is 27 times as high for small batches and 30 times for large ones:
it rises by 0.0085 nats more there (0.0056 to 0.0114), and further descent removes 75
and 79 % of it. The same points are sharper on all of the data, not flatter: the top
eigenvalue is 4.3 and 3.9 times as large. Trained on all of it, the large batch still
finds sharp minima: the top eigenvalue is 1.08 times that with half of the data.

Source: lecture, 0:32:17 (L21)

Data: digits, or any other by name or path
"""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Annotated, NamedTuple

import jax
import numpy as np
import optax

from experiments import minima, training
from lec7 import curvature, data, landscape, report, runs, sharpness, train

SMALL_BATCH, LARGE_BATCH = GROUPS = minima.GROUPS
HALF, ALL = PARTS = ("half", "all")
EIGENVALUE = "top eigenvalue of the Hessian"
MEASURES = {
    EIGENVALUE: sharpness.hessian_max,
    "trace of the Hessian": sharpness.hessian_trace,
    "adaptive worst case, L2 (nats)": sharpness.adaptive_worst_case,
}
SPAN = 1.0  # half-width of the slices, in lengths of a filter
ON, OF = (
    tuple(f"{group}, {word} {part}" for group in ("small", "large") for part in PARTS)
    for word in ("on", "of")
)
SMALL = {
    "seeds": (0, 1),
    "large_batch": 64,
    "stop_loss": 0.3,
    "max_steps": 64,
    "probes": 4,
    "descent": 2,
    "resolution": 3,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(minima.Settings):
    """What is trained, and how closely it is looked at."""

    probes: Annotated[int, runs.at_least(4)] = 30  # Hessian products for a trace
    descent: runs.Count = 50  # updates of the further descent
    # points along a slice and along a side of a surface
    resolution: Annotated[int, runs.side(3)] = 21


class Look(NamedTuple):
    """M networks on one part of the data."""

    loss: np.ndarray  # [M]
    gradient: np.ndarray  # [M], its length
    descended: np.ndarray  # [M], the loss after further descent on this part
    sharpness: Mapping[str, np.ndarray]  # title of a measure -> [M]
    slices: np.ndarray  # [M, A]

    @property
    def removed(self) -> np.ndarray:
        """Share of the loss that further descent removes, [M]."""
        return 1 - self.descended / self.loss


class Findings(NamedTuple):
    """What was found; outer keys are the names of the batch sizes."""

    records: Mapping[str, train.Record]
    """Batch size and part of the data, such as `small batch, half` -> training."""
    looks: Mapping[str, Mapping[str, Look]]
    """At minima of half of the data, by the part that they are looked at on."""
    found_with_all: Mapping[str, Mapping[str, np.ndarray]]
    """Sharpness [M] of the minima of all of the data, by the title of the measure."""
    steps: np.ndarray
    """[A], along the slices."""
    surfaces: Mapping[str, np.ndarray]
    """Losses [A, A] around the first seed's large-batch minimum, by part."""


def run(config: Config, context: runs.Context) -> Findings:
    """Train on half of the data and on all of it, and look at the minima."""
    half, whole = (
        training.Study(config, context, ("small_batch", "large_batch")) for _ in PARTS
    )
    middle = len(whole.dataset.train.labels) // 2
    if not middle:
        raise runs.UsageError(
            f"--config.dataset={config.dataset} has {len(whole.dataset.train.labels)} "
            "training examples; expected two or more, to halve them"
        )
    splits = _parts(whole.dataset.train, middle, config.measured_examples)
    half.keep(middle)
    with context.phase("training"):
        of_half, of_all = (
            minima.train_both(config, study, suffix=f" of {part}")
            for part, study in zip(PARTS, (half, whole), strict=True)
        )
    probe = minima.probe(config, context, whole, splits)
    steps = np.linspace(-SPAN, SPAN, config.resolution)
    with context.phase("minima"):
        looks = {
            group: {part: _look(config, probe, of, part, steps) for part in PARTS}
            for group, of in of_half.items()
        }
        found_with_all = {
            group: _card(config, probe, minima.members(of), ALL)
            for group, of in of_all.items()
        }
        sharp = of_half[LARGE_BATCH].member(0)
        surfaces = {
            f"on {part}": _surface(context, probe, sharp, part, steps) for part in PARTS
        }
    return Findings(
        records={
            f"{group}, {part}": population.record
            for part, populations in zip(PARTS, (of_half, of_all), strict=True)
            for group, population in populations.items()
        },
        looks=looks,
        found_with_all=found_with_all,
        steps=steps,
        surfaces=surfaces,
    )


def _parts(split, middle, most):
    """Return the first half and both halves, of at most so many examples each."""
    halves = [
        data.Split(*(leaf[start:stop] for leaf in split))
        for start, stop in ((0, min(middle, most)), (middle, middle + most))
    ]
    both = data.Split(*map(np.concatenate, zip(*halves, strict=True)))
    return {HALF: halves[0], ALL: both}


def _look(config, probe, population, part, steps):
    networks = minima.members(population)
    gradients = [curvature.gradient(*probe.at(each, part)) for each in networks]
    losses = [curvature.mean_loss(*probe.at(each, part)) for each in networks]
    descended = [_descend(config, *probe.at(each, part)) for each in networks]
    return Look(
        loss=np.array(losses, np.float64),
        gradient=np.array([optax.tree.norm(g) for g in gradients], np.float64),
        descended=np.array(descended, np.float64),
        sharpness=_card(config, probe, networks, part),
        slices=probe.slices(networks, steps, split=part),
    )


def _descend(config, loss, params, batches):
    """Return the loss after further descent on all examples at once."""
    for _ in range(config.descent):
        gradient = curvature.gradient(loss, params, batches)
        params = optax.tree.add_scale(params, -config.learning_rate, gradient)
    return float(curvature.mean_loss(loss, params, batches))


def _card(config, probe, networks, part):
    trace = functools.partial(sharpness.hessian_trace, probes=config.probes)
    measures = MEASURES | {"trace of the Hessian": trace}
    return probe.card(networks, f"sharpness, {part}", measures, split=part).values


def _surface(context, probe, network, part, steps):
    loss, params, batches = probe.at(network, part)
    keys = jax.random.split(jax.random.key(probe.seeds[0]))
    x, y = (landscape.random_direction(key, params) for key in keys)
    y = landscape.orthogonalise(y, x)
    place = context.folder / "surfaces" / part
    return landscape.slice_2d(
        loss, params, x, y, batches, alphas=steps, betas=steps, path=place
    )


def analyse(config: Config, found: Findings) -> report.Report:
    """Decide the claims, and show the same points on half of the data and on all."""
    missed = minima.missed(config, list(found.records.values()))
    at_equal_loss = [
        _sharp_minima_go(found.looks),
        *(claim for group in GROUPS for claim in _changes(found.looks, group)),
        *_found_claims(found),
    ]
    claims = report.family(report.untested(at_equal_loss, missed))
    return report.Report(
        title="Twice the data",
        summary=f"{_summary(claims)}\n\n{minima.reached(config, missed)}",
        claims=claims,
        deciding="contours",
        sections=[
            minima.training_section(found.records, config.stop_loss),
            _on_all(config, found.looks),
            _around(found),
            _found(found),
        ],
    )


def _sharp_minima_go(looks):
    say = report.Claims(source="lecture, 0:32:17", figure="on_all")
    large, small = (
        looks[group][ALL].loss - looks[group][HALF].loss
        for group in (LARGE_BATCH, SMALL_BATCH)
    )
    return say.paired(
        "L21",
        "With twice the data sharp minima go before flat ones: the loss at the large "
        "batch's minimum of half the data rises more than at the small's.",
        "nats of rise, large − small batch",
        (large, small),
        above=0,
    )


def _changes(looks, group):
    """Return the claims on what twice the data change at one group's minima."""
    say = report.Claims(source="lecture, 0:32:17", figure="on_all")
    there, here, short = looks[group][ALL], looks[group][HALF], group.partition(" ")[0]
    start = "With twice the data the landscape changes: at a minimum of half the data"
    return [
        say.ratio(
            f"L21.loss.{short}",
            f"{start} the loss on all of it is higher ({group}).",
            "ratio, all / half",
            (there.loss, here.loss),
            above=1,
        ),
        say.ratio(
            f"L21.gradient.{short}",
            f"{start} the gradient on all of it is longer ({group}).",
            "ratio, all / half",
            (there.gradient, here.gradient),
            above=1,
        ),
        say.mean(
            f"L21.minimum.{short}",
            "A minimum of half the data is not a minimum of all of it: further descent "
            f"on all of it removes more than half of the loss there ({group}).",
            "share of the loss",
            there.removed,
            above=0.5,
        ),
        say.ratio(
            f"L21.sharpness.{short}",
            "With twice the data the same point is less sharp: top eigenvalue of the "
            f"Hessian ({group}).",
            "ratio, all / half",
            (there.sharpness[EIGENVALUE], here.sharpness[EIGENVALUE]),
            below=1,
        ),
    ]


def _found_claims(found):
    say = report.Claims(source="lecture, 0:32:17", figure="found")
    of_all = {group: found.found_with_all[group][EIGENVALUE] for group in GROUPS}
    of_half = {
        group: found.looks[group][HALF].sharpness[EIGENVALUE] for group in GROUPS
    }
    return [
        say.ratio(
            "L21.found",
            "Sharp minima go: trained on twice the data, the large batch finds flatter "
            "ones, by the top eigenvalue on its own training data.",
            "ratio, trained on all / on half",
            (of_all[LARGE_BATCH], of_half[LARGE_BATCH]),
            below=1,
        ),
        say.ratio(
            "L21.contrast",
            "Sharp minima go: on twice the data large and small batch find minima that "
            "differ less, by the ratio of their top eigenvalues.",
            "ratio of ratios, trained on all / on half",
            tuple(of[LARGE_BATCH] / of[SMALL_BATCH] for of in (of_all, of_half)),
            below=1,
        ),
    ]


def _summary(claims):
    told, effects = functools.partial(report.by_verdict, claims), report.effects(claims)
    flatter = "flatter", "sharper", "not clearly flatter"
    removes = told(
        "L21.minimum.large",
        "No: descent on all of the data removes {percent} of the loss",
        "Yes, nearly: descent on all of the data removes only {percent} of the loss",
        "It is not decided whether descent on all of the data removes half of the loss",
    )
    return (
        f"{removes} at a sharp minimum of half of it; by the top eigenvalue the point "
        f"is {told('L21.sharpness.large', *flatter)} there."
        "\n\nThe loss on all of the data is, at the minimum of half of it, "
        f"{effects['L21.loss.large']} times as high for large batches and "
        f"{effects['L21.loss.small']} times for small ones. It rises "
        + told("L21", "more", "less", "not clearly more")
        + " at the sharper minima, those of large batches. Trained on all of the data, "
        f"the large batch finds minima that are {told('L21.found', *flatter)} than "
        f"those of half of it, by a ratio of top eigenvalues of {effects['L21.found']}."
    )


def _on_all(config, of):
    looks = [of[group][part] for group in GROUPS for part in PARTS]
    measures = {
        "loss (nats)": [look.loss for look in looks],
        "length of the gradient": [look.gradient for look in looks],
        "share of the loss that descent removes": [look.removed for look in looks],
        **{title: [look.sharpness[title] for look in looks] for title in MEASURES},
    }
    return minima.comparison(
        "on_all",
        measures,
        ON,
        "The same points on half of the data and on all of it",
        "Networks were trained on the first half of the training set to a minimum, and "
        "are looked at where they stopped, on that half and on the whole set. Further "
        f"descent is {config.descent} updates with all examples at once, on the part "
        "of the data that is looked at. At a minimum it removes nothing; on the half "
        "it shows how far training was from its end. That a point is not a minimum "
        "where more than half of the loss goes is our reading. The curvature of the "
        "cross-entropy is small where its loss is, as on the half that was learned, so "
        "a point that is less sharp on all of the data was hardly to be expected.",
        caption="Both minima of half the data, on half of the data and on all of it.",
    )


def _around(found):
    looks = [look for by_part in found.looks.values() for look in by_part.values()]
    slices = zip(ON, looks, strict=True)
    plane = report.Landscape(x=found.steps, y=found.steps, losses=found.surfaces)
    caption = (
        "Loss around the large batch's minimum of half the data, of the first seed and "
        "at the origin, on the plane of two filter-normalised random directions, in "
        "lengths of a filter. Both panels share one scale: rings close around a "
        "minimum."
    )
    return report.Section(
        "Around the minima",
        minima.slices_figure(
            "slices",
            {name: (found.steps, look.slices) for name, look in slices},
            "Loss along a filter-normalised random direction through the small and the "
            "large batch's minima of half the data, in lengths of a filter, one a seed "
            "and the same draw for all.",
        ),
        report.Contours("contours", plane, caption=caption),
        report.Surface("surfaces", plane, caption=caption),
    )


def _found(found):
    measures = {
        title: [
            values
            for group in GROUPS
            for values in (
                found.looks[group][HALF].sharpness[title],
                found.found_with_all[group][title],
            )
        ]
        for title in MEASURES
    }
    return minima.comparison(
        "found",
        measures,
        OF,
        "Minima found with half of the data and with all of it",
        "The same networks, trained from the same starts to the same loss on the whole "
        "training set, with the same batch sizes, so that a batch is half as large a "
        "share of it. Sharpness is of the loss on the data that a network was trained "
        "on.",
        caption="Sharpness of the minima of half of the data and of all of it.",
    )
