"""Do large batches find sharper minima, and do these generalise worse?

A population of networks is trained with small batches and one with large batches, seed
by seed from the same initial parameters, at the same learning rate and to the same
training loss; some of the seeds with weight decay too. Then each minimum is measured:
test accuracy, the whole report card of sharpness, the spectrum of the Hessian, slices
along filter-normalised directions; the line and a trained curve from the small-batch to
the large-batch minimum; and the same minimum after its layers have been rescaled.

Run: python launch.py --experiment=sharp_vs_flat

Expected: 3-4 minutes on two CPU cores. Large over small batch, the top eigenvalue is
4.1, the trace 2.7, Keskar's sharpness 2.4, the adaptive measures 2.3 to 2.5, SAM's 1.7
with ten ascents and 1.5 with one; the Fisher-Rao norm is 1.2. The test accuracy is 5.4
points lower and the test loss 0.16 nats higher. Between the minima the loss rises to
2.3 times its value on the straight line, and not at all on a trained curve. With weight
decay the large batch is still the sharper, in pictures too. Rescaling the layers makes
the top eigenvalue 9.1 times as large and leaves the adaptive measures, the Fisher-Rao
norm, relative flatness and filter-normalised slices as they are. On digits, with
batches of 16 and 512, at a rate of 0.2 and to a loss of 0.003, the large batch is 3.1
times sharper and its test accuracy the same within half a point.

Source: lecture, 0:32:05 (L20); Keskar et al. 2017, arXiv:1609.04836, tables 2 to 4 and
figure 3; Li et al. 2018, arXiv:1712.09913, figures 2 and 3; Dinh et al. 2017,
arXiv:1703.04933, section 3; Garipov et al. 2018, arXiv:1802.10026, section 3.

Data: mnist1d, or any other by name or path
"""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Annotated, NamedTuple

import jax
import numpy as np
import optax

from experiments import minima, tested, training
from experiments import sharp_vs_flat_card as card
from experiments import sharp_vs_flat_connections as connections
from experiments import sharp_vs_flat_rescaling as rescaling
from experiments import sharp_vs_flat_spectra as spectra
from lec7 import landscape, report, runs, train

SMALL_BATCH, LARGE_BATCH = GROUPS = minima.GROUPS
SPAN = 1.0  # half-width of the slices, in lengths of a filter

LECTURE = "lecture, 0:32:05"
SHARPER = "ratio, large / small batch"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(minima.Settings):
    """What is compared, and how closely it is looked at."""

    dataset: str = "mnist1d"  # name of a data set, of lec7 or of TFDS
    learning_rate: runs.Positive = 0.1  # step size, of both batch sizes
    large_batch: runs.Count = 256  # examples an update
    stop_loss: runs.Positive = 0.1  # training loss at which a network is done, nats
    max_steps: runs.Count = 8_000  # updates at the most
    evaluate_every: runs.Count = 64  # updates between two looks at the training loss
    # examples of a split that minima are measured on
    measured_examples: runs.Count = 512
    # of the seeds, those that are trained with weight decay and rescaled, too
    side_seeds: runs.Several = 5
    # of the L2 penalty's gradient, where there is any
    weight_decay: runs.Positive = 5e-4
    measures: runs.Some[card.NAMES] = card.NAMES  # of the report card
    epsilon: runs.Positive = 1e-3  # half-width of Keskar's box, relative to |w| + 1
    starts: runs.Count = 1  # random starts of the search for the worst point in the box
    probes: Annotated[int, runs.at_least(4)] = 60  # Hessian products for a trace
    # Hessian products for a spectrum, from each start vector
    order: runs.Count = 60
    bend_steps: runs.Count = 200  # updates of the curve between two minima
    # points along a slice and along a side of a surface
    resolution: Annotated[int, runs.side(3)] = 25


SMALL = {
    "dataset": "digits",
    "seeds": (0, 2),
    "small_batch": 16,
    "large_batch": 64,
    "stop_loss": 0.3,
    "max_steps": 64,
    "measures": ("hessian_max", "fisher_rao"),
    "order": 4,
    "bend_steps": 2,
    "resolution": 3,
}


class Setting(NamedTuple):
    """What was found with weight decay, or without, by the names of `GROUPS`."""

    records: Mapping[str, train.Record]
    tested: Mapping[str, tested.Tested]
    lengths: Mapping[str, np.ndarray]
    """Of the parameters [M]."""
    cards: Mapping[str, minima.Card]
    line: connections.Line


class Findings(NamedTuple):
    """What was found at the minima, around them and between them."""

    size: int
    """P, the number of parameters."""
    test_examples: int
    plain: Setting
    decayed: Setting
    spectra: spectra.Spectra
    steps: np.ndarray
    """[A], along the slices."""
    slices: Mapping[str, np.ndarray]
    """Name of a population -> losses [M, A]."""
    surfaces: Mapping[str, np.ndarray]
    """Name of a group -> losses [A, A]."""
    curve: np.ndarray
    """Training loss on the trained curves [M, B]."""
    rescaled: rescaling.Rescaled | None
    """None with BatchNorm, whose layers cannot be rescaled."""


def run(config: Config, context: runs.Context) -> Findings:
    """Train both populations and measure their minima."""
    study = training.Study(config, context, ("small_batch", "large_batch"))
    side = len(config.seeds[: config.side_seeds])
    with context.phase("training"):
        trained = minima.train_both(
            config, study, decayed=side, weight_decay=config.weight_decay
        )
    probe = minima.probe(config, context, study)
    everyone = len(config.seeds)
    plain, decayed = (
        {group: population.part(part) for group, population in trained.items()}
        for part in (slice(everyone), slice(everyone, None))
    )
    networks = {group: minima.members(of) for group, of in plain.items()}
    few = {group: of[:side] for group, of in networks.items()}
    steps = np.linspace(-SPAN, SPAN, config.resolution)
    test = study.dataset.test
    measures = card.measures(config)
    with context.phase("sharpness"):
        settings = [
            context.once(
                title,
                Setting,
                functools.partial(_setting, probe, test, *of, title),
            )
            for *of, title in (
                (plain, measures, "no weight decay"),
                (decayed, card.classic(measures), "weight decay"),
            )
        ]
    with context.phase("spectra"):
        densities = {
            group: tuple(probe.each(f"spectra, {group}", of, spectra.at(config, probe)))
            for group, of in few.items()
        }
    with context.phase("landscape"):
        curve = connections.curve(
            probe, list(zip(*networks.values(), strict=True)), steps=config.bend_steps
        )
        slices = {
            f"{group.partition(' ')[0]}{end}": probe.slices(minima.members(of), steps)
            for end, populations in ((" batch", plain), (", decayed", decayed))
            for group, of in populations.items()
        }
        surfaces = {
            group: _surface(context, probe, group, of[0], steps)
            for group, of in networks.items()
        }
        rescaled = None
        if not minima.normalised(config):
            before = settings[0].cards[SMALL_BATCH].part(slice(side))
            rescaled = rescaling.measure(config, probe, few[SMALL_BATCH], before, steps)
    return Findings(
        size=optax.tree.size(networks[SMALL_BATCH][0]["params"]),
        test_examples=len(test.labels),
        plain=settings[0],
        decayed=settings[1],
        spectra=densities,
        steps=steps,
        slices=slices,
        surfaces=surfaces,
        curve=curve,
        rescaled=rescaled,
    )


def _setting(probe, test, populations, measures, title):
    networks = {group: minima.members(of) for group, of in populations.items()}
    return Setting(
        records={group: of.record for group, of in populations.items()},
        tested={
            group: tested.test(probe.model, of, test) for group, of in networks.items()
        },
        lengths={group: minima.lengths(of) for group, of in populations.items()},
        cards={
            group: probe.card(of, f"sharpness, {group}, {title}", measures)
            for group, of in networks.items()
        },
        line=connections.line(probe, list(zip(*networks.values(), strict=True))),
    )


def _surface(context, probe, group, variables, steps):
    """Return the loss [A, A] on a plane; finished rows are kept in the folder."""
    loss, params, batches = probe.at(variables)
    keys = jax.random.split(jax.random.key(probe.seeds[0]))
    x, y = (landscape.random_direction(key, params) for key in keys)
    y = landscape.orthogonalise(y, x)
    place = context.folder / "surfaces" / group.replace(" ", "_")
    return landscape.slice_2d(
        loss, params, x, y, batches, alphas=steps, betas=steps, path=place
    )


def analyse(config: Config, found: Findings) -> report.Report:
    """Decide the claims, and show what was found."""
    rescaled = [found.rescaled] if found.rescaled else []
    records = [*found.plain.records.values(), *found.decayed.records.values()]
    missed = minima.missed(config, records)
    at_equal_loss = [
        *_generalisation_claims(found.plain, "L20", "", "generalisation"),
        *_sharper_claims(found.plain),
        *_spectrum_and_slice_claims(found),
        *connections.claims(found.plain.line, found.curve),
        *_generalisation_claims(
            found.decayed, "L20.decay", "With weight decay too: ", "decay"
        ),
        *_decay_claims(found),
    ]
    claims = report.family(
        [
            *report.untested(at_equal_loss, missed),
            *[claim for of in rescaled for claim in rescaling.claims(of)],
        ]
    )
    return report.Report(
        title="Sharp and flat minima",
        summary=_summary(config, found, claims, missed),
        claims=claims,
        deciding="slices",
        sections=[
            minima.training_section(found.plain.records, config.stop_loss),
            minima.generalisation_section(found.plain.records, found.test_examples),
            card.section(config, found.plain.cards),
            spectra.section(config, found.spectra, found.size),
            _around(config, found),
            connections.section(config, found.plain.line, found.curve),
            _decay(config, found),
            *[rescaling.section(of, found.steps) for of in rescaled],
        ],
    )


def _generalisation_claims(setting, id, start, figure):
    small, large = (setting.tested[group] for group in GROUPS)
    worse = "At one learning rate the large batch generalises worse: its test"
    both = report.Claims(
        source=f"{LECTURE}; Keskar et al. 2017, table 2", figure=figure
    )
    loss = report.Claims(source=LECTURE, figure=figure)
    return [
        both.paired(
            id,
            _begun(start, f"{worse} accuracy is lower."),
            "points of test accuracy, small − large batch",
            (small.accuracy(), large.accuracy()),
            above=0,
        ),
        loss.paired(
            f"{id}.test_loss",
            _begun(start, f"{worse} loss is higher."),
            "nats, large − small batch",
            (large.losses, small.losses),
            above=0,
        ),
    ]


def _sharper_claims(setting):
    return [
        _sharper(
            setting,
            name,
            "L20",
            "",
            card.FIGURES[setting.cards[SMALL_BATCH].invariant[name]],
        )
        for name in setting.cards[SMALL_BATCH].values
        if name != card.NOISE
    ]


def _sharper(setting, name, id, start, figure):
    say = report.Claims(
        source=f"{LECTURE}; Keskar et al. 2017, section 2.2", figure=figure
    )
    return say.ratio(
        f"{id}.{card.IDS[name]}",
        _begun(
            start,
            "At one learning rate the large batch finds the sharper minimum: "
            f"{card.TITLES[name]}.",
        ),
        SHARPER,
        tuple(
            setting.cards[group].values[name] for group in (LARGE_BATCH, SMALL_BATCH)
        ),
        above=1,
    )


def _spectrum_and_slice_claims(found):
    spectrum = report.Claims(
        source="Keskar et al. 2017, section 2.2.1; Ghorbani et al. 2019",
        figure="eigenvalues",
    )
    slices = report.Claims(source="Li et al. 2018, section 5", figure="slices")
    few, many = spectra.outliers(found.spectra, found.size)
    quarter = np.searchsorted(found.steps, found.steps[-1] / 4)
    return [
        spectrum.ratio(
            "L20.spectrum",
            "The large batch has more large eigenvalues: above a tenth of the small "
            "batch's largest.",
            SHARPER,
            (many, few),
            above=1,
        ),
        slices.ratio(
            "L20.slices",
            "Filter-normalised slices show the large batch's minimum as the sharper: "
            "the training loss is higher at a quarter of a slice.",
            SHARPER,
            (
                found.slices[LARGE_BATCH][:, quarter],
                found.slices[SMALL_BATCH][:, quarter],
            ),
            above=1,
        ),
    ]


def _decay_claims(found):
    sharper = [
        _sharper(found.decayed, name, "L20.decay", "With weight decay too: ", "decay")
        for name in card.CLASSIC
        if name in found.decayed.cards[SMALL_BATCH].values
    ]
    small, large = connections.beyond_ends(found.plain.line)
    small_decay, large_decay = connections.beyond_ends(found.decayed.line)
    picture = report.Claims(
        source="Li et al. 2018, figure 2; Keskar et al. 2017, figure 3", figure="line"
    )
    reverse = report.Claims(source="Li et al. 2018, figure 2", figure="line_decay")
    return [
        *sharper,
        picture.ratio(
            "L20.picture",
            "On the line through the two minima the large batch's looks the sharper, "
            "without weight decay: the loss beyond it is higher.",
            SHARPER,
            (large, small),
            above=1,
        ),
        reverse.ratio(
            "L20.picture_reversed",
            "With weight decay the picture reverses: the small batch's minimum looks "
            "the sharper.",
            SHARPER,
            (large_decay, small_decay),
            below=1,
        ),
    ]


def _begun(start, sentence):
    return start + sentence[0].lower() + sentence[1:] if start else sentence


def _summary(config, found, claims, missed):
    small, large = (
        report.format_spread(found.plain.records[group].percent("test"))
        for group in GROUPS
    )
    ids = {
        f"L20.{card.IDS[name]}"
        for name in found.plain.cards[SMALL_BATCH].values
        if name != card.NOISE
    }
    measures = [claim for claim in claims if claim.id in ids]
    sharper, flatter = (
        sum(claim.verdict == verdict for claim in measures)
        for verdict in ("supported", "contradicted")
    )
    worse = report.by_verdict(
        claims,
        "L20",
        "worse: their test accuracy is {size} points lower",
        "better: their test accuracy is {size} points higher",
        "not clearly worse, by test accuracy",
    )
    text = (
        f"Large batches find the sharper minima by {sharper} of {len(measures)} "
        f"measures, and these generalise {worse}."
        f"\n\nThe test accuracy is {small} % with batches of {config.small_batch} and "
        f"{large} % with batches of {config.large_batch}. The large batch has the "
        f"flatter minimum by {flatter} measures. {minima.reached(config, missed)}"
    )
    if found.rescaled is None:
        text += (
            "\n\nWith BatchNorm layers cannot be rescaled as Dinh et al. do, so that "
            "part is left out."
        )
    return text


def _around(config, found):
    plane = report.Landscape(x=found.steps, y=found.steps, losses=found.surfaces)
    caption = (
        f"Training loss of the networks of seed {config.seeds[0]} on the plane of "
        "two filter-normalised random directions, in lengths of a filter; the minimum "
        "is at the origin and all panels share one scale."
    )
    return report.Section(
        "Around the minima",
        minima.slices_figure(
            "slices",
            {name: (found.steps, loss) for name, loss in found.slices.items()},
            "Training loss along a filter-normalised random direction, in lengths of a "
            "filter: the narrower the valley, the sharper the minimum. One direction a "
            "seed, the same draw for all populations.",
        ),
        report.Contours("contours", plane, caption=caption),
        report.Surface("surfaces", plane, caption=caption),
    )


def _decay(config, found):
    settings = {"no weight decay": found.plain, "weight decay": found.decayed}
    names = list(found.decayed.cards[SMALL_BATCH].values)
    header = ("setting", "population", "updates", "test accuracy (%)")
    header += ("test loss (nats)", "length of the parameters")
    return report.Section(
        "With weight decay",
        "A line between two minima is drawn in units of their distance, and what looks "
        "sharp on it depends on the length of the parameters too, which weight decay "
        "shortens with every update. Li et al. trained both batch sizes for equal "
        "epochs, so that small batches, which make more updates, ended with shorter "
        "parameters and looked sharper. Here both are trained to one loss. One number "
        "stands for the picture: the loss as far beyond each end as the ends are from "
        "each other, where pictures of this kind stop. It was chosen after a pilot "
        "with three seeds, in which the rise at a quarter of that distance told "
        "nothing.",
        report.Table(
            (*header, "loss beyond it on the line (nats)"),
            [
                (
                    setting,
                    group,
                    of.records[group].updates,
                    of.records[group].percent("test"),
                    of.records[group].final["test_loss"],
                    of.lengths[group],
                    beyond,
                )
                for setting, of in settings.items()
                for group, beyond in zip(
                    GROUPS, connections.beyond_ends(of.line), strict=True
                )
            ],
        ),
        report.Forest(
            "decay",
            [card.SHORT[name] for name in names],
            {
                setting: [
                    of.cards[LARGE_BATCH].values[name]
                    / of.cards[SMALL_BATCH].values[name]
                    for name in names
                ]
                for setting, of in settings.items()
            },
            SHARPER,
            log=True,
            reference=1.0,
            caption="Each measure of the large-batch minimum relative to the "
            "small-batch one: geometric mean over seeds with its 95 % interval, with "
            f"a weight decay of {config.weight_decay:g} and without.",
        ),
        connections.line_figure(
            "line_decay",
            found.decayed.line,
            f"With a weight decay of {config.weight_decay:g}: loss (blue) and accuracy "
            "(orange) on the straight line between the two minima of a seed",
        ),
    )
