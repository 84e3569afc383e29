"""How much of a trained network should be trained again, on which data and how much?

The lecture's grid of four: a target near the source or far from it, and little or much
data of it. In each cell a network is trained from scratch, and one that was trained on
the source gets a new head and is trained on: the head only, the last block too, or
everything; what is pretrained at a tenth of the head's learning rate. Every method has
the best of the same rates by accuracy on the validation split, after as many updates.

Run: python launch.py --experiment=transfer

Expected: 6 minutes on two CPU cores; of 16 claims 7 are supported, 2 contradicted, 5
inconclusive and 2 untested, since the last block's best rate is the highest of its
list. Near the source, starting from trained weights gains 15 points of test accuracy
with little data; far from it, training the head alone is 7 points worse than training
from scratch.

Source: lecture, 1:09:55 to 1:13:32 (L67 to L71)

Data: letters and numerals (of glyphs) and digits, or any others by name or path
"""

import dataclasses
from typing import Annotated, NamedTuple

import numpy as np

from experiments import pretraining, tested, training
from experiments import transfer_methods as methods
from experiments.transfer_methods import ALL, BLOCK, HEAD, LITTLE, MUCH, SCRATCH
from lec7 import files, report, runs, transfer

PLACES = ("near", "far")
WHERE = {"near": "near the source", "far": "far from the source"}
MARGIN = 0.5  # points of accuracy that are worth no more work
ADVICE = {("near", LITTLE): HEAD, ("near", MUCH): BLOCK, ("far", MUCH): ALL}
"""What the lecture would train again; far from the source with little data, trouble."""
LECTURE = {
    ("near", LITTLE): "a linear classifier on the last layer",
    ("near", MUCH): "fine-tune a few layers",
    ("far", LITTLE): "trouble; try a linear classifier from several stages",
    ("far", MUCH): "fine-tune a larger number of layers",
}
POINTS = "points of test accuracy"
Targets = Annotated[
    tuple[str, ...],
    runs.Range("one or two data sets", lambda names: 1 <= len(names) <= len(PLACES)),
]
SMALL = {
    "source": "digits",
    "target": ("digits",),
    "seeds": (0, 1),
    "rates": (0.1,),
    "batch_size": 8,
    "updates": 8,
    "evaluate_every": 8,
    "recipe.channels": (4,),
    "recipe.dense": (4,),
    "recipe.batch_size": 16,
    "recipe.updates": 8,
    "recipe.evaluate_every": 8,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(runs.Checked):
    """From where to where, and how networks are trained on both."""

    # name of a data set: letters, numerals, or one of lec7 or of TFDS; or of a network
    # of the zoo, behind zoo:
    source: str = "letters"
    # names of one or two data sets, the one near the source first
    target: Targets = ("numerals", "digits")
    seeds: runs.Seeds = tuple(range(8))  # networks of a population, at least 2
    examples: runs.Count = 10  # of each class, when there is little data
    # learning rates of the head at the beginning, of which the best is kept
    rates: runs.Positives = (0.01, 0.03, 0.1, 0.3, 1.0)
    batch_size: runs.Count = 32  # examples of the target an update
    updates: runs.Count = 150  # on the target
    evaluate_every: runs.Count = 75  # updates between two looks at the accuracies
    # regular expression on the paths of the parameters that are the last block
    last_block: str = "^classifier/"
    recipe: pretraining.Recipe = pretraining.Recipe()

    def _check(self):
        if self.source.startswith(pretraining.ZOO):
            files.require_name(self.source.removeprefix(pretraining.ZOO), "source")

    @property
    def plan(self) -> methods.Plan:
        """How a method is trained on a target."""
        return methods.Plan(
            **{name: getattr(self, name) for name in methods.Plan._fields}
        )


class Findings(NamedTuple):
    """What was trained."""

    cells: tuple[methods.Cells, ...]
    """Of the target near the source, and of the one far from it if there is one."""
    card: transfer.Card
    """Of the source networks."""


def run(config: Config, context: runs.Context) -> Findings:
    """Train by every method in every cell."""
    training.require_divisible(context, {"batch_size": config.batch_size})
    with context.phase("source"):
        network = pretraining.source(
            config.source, config.recipe, config.seeds, context
        )
    with context.phase("training"):
        cells = tuple(
            methods.compare(place, target, network, config.plan, context)
            for place, target in zip(PLACES, config.target, strict=False)
        )
    for line in _lines(cells):
        context.progress.say(line)
    return Findings(cells, network.card)


def analyse(config: Config, found: Findings) -> report.Report:
    """Decide the claims cell by cell, and show the grid."""
    del config
    cells = found.cells
    claims = [
        *(claim for each in cells for claim in _overfitting_claims(each)),
        *(claim for each in cells for claim in _better_claims(each)),
        *(
            _advised(each, size, ADVICE[each.place, size])
            for each in cells
            for size in methods.SIZES
            if (each.place, size) in ADVICE
        ),
        *([_trouble(*cells)] if len(cells) == 2 else []),
    ]
    claims = report.family(sorted(claims, key=lambda claim: claim.id.partition(".")[0]))
    return report.Report(
        title="Transfer learning",
        summary=_summary(cells, claims),
        claims=claims,
        deciding="grid",
        sections=[_grid(cells), _overfitting(cells), _ways(cells), _source(found.card)],
    )


def _say(cells, size, time, methods, figure="grid"):
    """Return the start of statements on a cell, and their source and figure."""
    start = f"With {size} data of {cells.name}, {WHERE[cells.place]}, "
    untested = cells.at_border(size, *methods)
    source = f"lecture, {time}"
    return start, report.Claims(source=source, figure=figure, untested=untested)


def _overfitting_claims(cells):
    start, alone = _say(cells, LITTLE, "1:09:55", (SCRATCH,), "gaps")
    _, say = _say(cells, LITTLE, "1:09:55 and 1:10:45", (SCRATCH, HEAD), "gaps")
    scratch, head = (cells.gaps(LITTLE, method) for method in (SCRATCH, HEAD))
    return [
        alone.mean(
            f"L67.{cells.place}",
            f"{start}a network trained from scratch overfits: its accuracy is higher "
            "in training than in the test.",
            "points of accuracy, training − test",
            scratch,
            above=0,
        ),
        say.paired(
            f"L67.{cells.place}.avoided",
            f"{start}transfer avoids overfitting: with the head alone trained, the gap "
            "from training to test accuracy is smaller than from scratch.",
            "points of gap, from scratch − head only",
            (scratch, head),
            above=0,
        ),
    ]


def _better_claims(cells):
    """Return the claims that one method has a higher test accuracy than another."""
    rows = [
        (
            f"L69.{cells.place}.{part}",
            MUCH,
            (method, HEAD),
            "1:11:28",
            f"{what}, at a tenth of the rate, beats training only the head",
        )
        for part, method, what in (
            ("block", BLOCK, "training the last block too"),
            ("everything", ALL, "training everything"),
        )
    ]
    rows += [
        (
            f"L71.{cells.place}.{size}",
            size,
            (ALL, SCRATCH),
            "1:13:32",
            "training everything from pretrained weights beats training everything "
            "from scratch",
        )
        for size in methods.SIZES
    ]
    claims = []
    for id, size, pair, time, text in rows:
        start, say = _say(cells, size, time, pair)
        right = tuple(cells.right(size, method) for method in pair)
        unit = f"{POINTS}, {' − '.join(pair)}"
        claims.append(say.paired(id, f"{start}{text}.", unit, right, above=0))
    return claims


def _advised(cells, size, method):
    others = [other for other in methods.TRANSFERRED if other != method]
    rival = cells.best(size, others)
    start, say = _say(cells, size, "1:12:02", (method, rival))
    return say.paired(
        f"L70.{cells.place}.{size}",
        f"{start}the lecture's advice, {method}, is good: no more than {MARGIN} points "
        f"below the better of the other two by validation, {rival}.",
        f"{POINTS}, {method} − {rival}",
        (cells.right(size, method), cells.right(size, rival)),
        above=-MARGIN,
    )


def _trouble(near, far):
    """Decide over seeds and test examples, which are others on the two targets."""
    best = [cells.best(LITTLE, methods.TRANSFERRED) for cells in (near, far)]
    start, say = _say(far, LITTLE, "1:12:02", best[1:])
    untested = say.untested or near.at_border(LITTLE, best[0])
    right = near.right(LITTLE, best[0]), far.right(LITTLE, best[1])
    return dataclasses.replace(say, untested=untested).mean(
        f"L70.far.{LITTLE}",
        f"{start}there is trouble: the best of the three ways to transfer, {best[1]}, "
        f"is less accurate than the best, {best[0]}, on as little of {near.name}.",
        f"{POINTS}, {near.name} − {far.name}",
        tested.between(*right),
        above=0,
    )


def _summary(cells, claims):
    effects = report.effects(claims)
    names = {
        id: f"{size} data of {each.name} ({effects[id]})"
        for each in cells
        for size in methods.SIZES
        for id in [f"L71.{each.place}.{size}"]
    }
    return (
        "Training all pretrained weights on, instead of new ones, "
        + report.group_by_verdict(
            claims,
            names,
            "gains test accuracy with {}",
            "loses test accuracy with {}",
            "makes no clear difference with {}",
        )
        + "."
        "\n\nIn brackets are the points of test accuracy gained. What validates best "
        f"in each cell: {'; '.join(_lines(cells))}."
    )


def _lines(cells):
    """Return what was best in each cell, and what training from scratch gives."""
    return [
        f"{each.place} ({each.name}), {size} data: {best} "
        f"{_percent(each.test(size, best))}, from scratch "
        f"{_percent(each.test(size, SCRATCH))}"
        for each in cells
        for size in methods.SIZES
        for best in [each.best(size, methods.TRANSFERRED)]
    ]


def _grid(cells):
    counts = "; ".join(
        f"{each.name}, "
        + " or ".join(f"{each.examples[size]:,}" for size in methods.SIZES)
        for each in cells
    )
    return report.Section(
        "The grid",
        f"Examples to train on: {counts}. Images are scaled to the size of the "
        "source's and normalised as those are. A seed decides the source network, the "
        "examples when there are few, the new head and the batches; the test split is "
        "the same for all. The validation split, which chooses the learning rate and "
        "the method with the star, is larger than the little data, a luxury for "
        "anybody who has little data. All methods make the same number of updates. The "
        "half point that the claims allow the lecture's advice is ours.",
        _decisions(cells),
        _paired(
            "grid",
            "test accuracy (%)",
            methods.Cells.test,
            cells,
            "Test accuracy in each cell of the grid, by how much of the network was "
            "trained.",
        ),
    )


def _decisions(cells):
    """Return the lecture's advice and all accuracies, cell by cell."""
    rows = []
    for size in methods.SIZES:
        advice = (LECTURE[each.place, size] for each in cells)
        rows.append((f"{size} data, lecture", *advice))
        for method in methods.METHODS:
            accuracies = (
                _percent(each.test(size, method))
                + (" ★" if each.best(size) == method else "")
                for each in cells
            )
            rows.append((f"{size} data, {method}", *accuracies))
    return report.Table(
        ("", *(f"{WHERE[each.place]}: {each.name}" for each in cells)),
        rows,
        "The lecture's advice, and test accuracy: mean ± standard deviation over "
        "seeds. ★ is the best by validation accuracy.",
    )


def _paired(name, what, measure, cells, caption):
    """Show a measure of all methods, one panel a cell of the grid."""
    return report.Paired(
        name,
        {
            f"{each.place}, {size}: {what}": [
                measure(each, size, method) for method in methods.METHODS
            ]
            for each in cells
            for size in methods.SIZES
        },
        ("scratch", "head", "block", "all"),
        caption=caption,
    )


def _overfitting(cells):
    return report.Section(
        "Overfitting",
        "Where a method fits all that it is trained on, its gap is 100 % less its test "
        "accuracy, and says no more than that.",
        _paired(
            "gaps",
            "training − test accuracy (points)",
            methods.Cells.gap,
            cells,
            "Accuracy on the examples trained on over that in the test.",
        ),
    )


def _ways(cells):
    pairs = [(each, size) for each in cells for size in methods.SIZES]
    return report.Section(
        "The methods",
        "Frozen layers are constants: no gradient, no momentum, and BatchNorm as in "
        "the test, so that it normalises by what it has seen of the source. Pretrained "
        "layers that train have a tenth of the rate given, which is the head's.",
        report.Table(
            ("method", "trained parameters")
            + tuple(f"rate: {each.place}, {size}" for each, size in pairs),
            [
                (method, cells[0].outcomes[LITTLE][method].trainable)
                + tuple(float(each.outcomes[s][method].rate) for each, s in pairs)
                for method in methods.METHODS
            ],
            "Learning rates at the beginning, the best of those tried by validation "
            "accuracy; where that is the highest, a higher one might be better still.",
        ),
    )


def _source(card):
    return report.Section(
        "The source",
        report.Table(
            ("", "source networks"),
            [
                ("data set", card.dataset),
                ("classes", card.num_classes),
                ("images", " x ".join(map(str, card.image_shape))),
                ("network", f"{card.architecture}, {pretraining.words(card.fields)}"),
                ("networks", len(card.seeds)),
                *(
                    (f"{split} accuracy (%)", 100 * np.array(values))
                    for split, values in card.accuracy.items()
                ),
                ("commit", card.commit),
            ],
            "Accuracies: mean ± standard deviation over seeds.",
        ),
    )


def _percent(values):
    return f"{report.format_spread(values)} %"
