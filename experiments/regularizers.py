"""Which regularisers narrow the gap between training and test, and by how much?

A small network learns a few examples of each class, so that it overfits: with none,
with L2, dropout of units, of channels and of weights, BatchNorm, both BatchNorm and
dropout, augmentation, fractional max pooling and stochastic depth. Validation chooses
the strength of each out of three. Then all are compared in the test, seed by seed, with
the network without it, after as many updates at the same rate. The best of the others
has three trials for each of them, which favours it over L2 and over BatchNorm.

Run: python launch.py --experiment=regularizers

Expected: 6 minutes on two CPU cores; of 17 claims 11 are supported, 2 contradicted, 3
inconclusive and 1 untested. Augmentation narrows the gap by 29 points, fractional
pooling by 18, stochastic depth by 11 (in training, not in the test), dropout by 10,
BatchNorm by 9 and DropConnect by 9. BatchNorm is not enough: augmentation ends 16
points of test accuracy higher, and dropout beside BatchNorm adds 5. With dropout it
takes 7 times the updates to a training loss of 0.3 nats. On digits, with 300 updates,
the regularisers are too much alike: of 17 claims 2 are supported and 15 inconclusive.

Source: lecture, 0:55:34 to 1:09:04 (L51 to L53, L58 to L61, L63 to L66)

Data: mnist1d, or any other by name or path
"""

import dataclasses
import shlex
from collections.abc import Mapping
from typing import Annotated, NamedTuple

import numpy as np

from experiments import regularizers_recipes as recipes
from experiments import regularizers_reliance as reliance
from experiments import regularizers_strengths as strengths
from experiments import tested, training
from lec7 import data, report, runs

MARGIN = 1.0  # points of test accuracy that count as no difference
SINGLE = recipes.NAMES[:-1]  # what one may add to the network of `none`
NOISE = {
    "L52": ("dropout", "0:55:47", "Dropout regularises"),
    "L52.channel": (
        "channel dropout",
        "0:55:47",
        "In convolutions whole channels may be dropped",
    ),
    "L59": ("BatchNorm", "1:03:46", "BatchNorm is a regulariser"),
    "L61": ("augmentation", "1:04:43", "Augmentation regularises"),
    "L63": ("DropConnect", "1:06:49", "Dropping weights regularises"),
    "L64": ("fractional pooling", "1:07:12", "Random pooling regions regularise"),
    "L65": ("stochastic depth", "1:08:05", "Dropping layers regularises"),
}
CURVES = ("none", "dropout", "BatchNorm", "BatchNorm + dropout")
INTERVALS = "Means with their 95 % intervals over seeds."
Channels = Annotated[
    tuple[int, ...],
    runs.Range("one or more, each at least 1", lambda of: min(of, default=0) >= 1),
]
SMALL = {
    "per_class": 2,
    "seeds": (0, 1),
    "regularisers": ("dropout",),
    "channels": (4,),
    "units": 8,
    "batch_size": 8,
    "updates": 20,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(runs.Checked):
    """On what the regularisers are compared, and how long each is trained."""

    dataset: str = "mnist1d"  # name of a data set, of lec7 or of TFDS, or a path
    per_class: runs.Count = 10  # training examples of each class, too few to generalise
    seeds: runs.Seeds = tuple(range(8))  # networks of a population, at least 2
    # what is compared, each with the same network without it; all by default, as far as
    # network and examples can have them
    regularisers: runs.Some[recipes.NAMES] = recipes.NAMES
    model: training.Model = "convnet"  # network, without BatchNorm where it can be
    # of the stages of a convnet; the residual network beside it begins with half
    channels: Channels = (16, 32)
    units: runs.Count = 64  # of the hidden layer of a convnet or an mlp
    batch_size: runs.Count = 32  # examples an update, a multiple of 4
    learning_rate: runs.Positive = 0.02  # of SGD with momentum 0.9
    updates: runs.Count = 600  # of every training
    evaluate_every: runs.Count = 10  # updates between two looks at the training loss
    # training losses to which updates are counted, nats
    targets: runs.Positives = (0.3, 0.1)

    def _check(self):
        if self.batch_size % 4:
            raise ValueError(
                f"batch_size is {self.batch_size}; expected a multiple of 4"
            )


class Findings(NamedTuple):
    """All that was measured."""

    trained: Mapping[str, strengths.Trained]
    """By the name of the regulariser."""
    relied: Mapping[str, reliance.Reliance]
    """`dropout` and `none` -> what hidden units owe to each other, or empty."""
    examples: Mapping[str, int]
    """Split -> how many it has."""
    num_classes: int


def run(config: Config, context: runs.Context) -> Findings:
    """Train with every regulariser at every strength, and measure its networks."""
    wanted = {}

    def prepare(whole):
        few = dataclasses.replace(whole, train=subset(whole.train, config.per_class))
        wanted.update(_wanted(config, few.train.images))
        return data.standardise(few)

    study = training.Study(config, context, ("batch_size",), prepare=prepare)
    trained, relied = {}, {}
    for name, regulariser in wanted.items():
        with context.phase("training"):
            populations = {
                strength: strengths.train_one(
                    config, study, f"{name} {strength}".strip(), recipe
                )
                for strength, recipe in regulariser.recipes.items()
            }
        of = strengths.Trained(
            regulariser.strength,
            regulariser.control,
            records={each: of.record for each, of in populations.items()},
            right={
                each: tested.right(
                    study.network(regulariser.recipes[each].build),
                    of.variables,
                    study.dataset.test,
                )
                for each, of in populations.items()
            },
        )
        trained[name] = of
        if name in ("none", "dropout") and "dropout" in wanted:
            with context.phase("measuring"):
                model = study.network(regulariser.recipes[of.best].build)
                relied[name] = reliance.measure(
                    model, populations[of.best], study.dataset.test
                )
    splits = ("train", "validation", "test")
    examples = {of: len(getattr(study.dataset, of).labels) for of in splits}
    return Findings(trained, relied, examples, study.dataset.num_classes)


def _wanted(config, images):
    """Return the regularisers that are compared, and their controls.

    Raises:
      UsageError: some cannot be, with such a network or such examples.
    """
    every = recipes.all_of(
        recipes.augmentations(images),
        model=config.model,
        channels=config.channels,
        units=config.units,
        batch_size=config.batch_size,
    )
    able = [name for name in config.regularisers if name in every]
    unable = [name for name in config.regularisers if name not in every]
    if unable and config.regularisers != recipes.NAMES:
        raise runs.UsageError(
            f"--config.regularisers has {', '.join(unable)}, which {config.model} with "
            f"examples of shape {list(images.shape[1:])} cannot have (augmentation is "
            "of square images and of sequences); expected --config.regularisers "
            + shlex.join(able or [name for name in recipes.NAMES if name in every])
        )
    controls = {every[name].control for name in able}
    names = {recipes.NONE, *controls, *able}
    return {name: each for name, each in every.items() if name in names}


def subset(split: data.Split, per_class: int) -> data.Split:
    """Return the first examples of every class, in the order of the records."""
    classes, counts = np.unique(split.labels, return_counts=True)
    if counts.min() < per_class:
        raise runs.UsageError(
            f"--config.per_class={per_class}: expected at most {counts.min()}, the "
            "training examples of the rarest class"
        )
    rows = [np.flatnonzero(split.labels == label)[:per_class] for label in classes]
    rows = np.sort(np.concatenate(rows))
    return data.Split(split.images[rows], split.labels[rows])


def analyse(config: Config, found: Findings) -> report.Report:
    """Compare every regulariser with its control, and decide the claims."""
    trained = found.trained
    claims = report.family(
        sorted(
            [
                *_gap_claims(trained),
                *(_longer_claims(config, trained) if "dropout" in trained else []),
                *_accuracy_claims(trained),
                *strengths.claims(trained),
                *reliance.claims(found.relied),
            ],
            key=lambda claim: claim.id,
        )
    )
    return report.Report(
        title="Regularisers",
        summary=_summary(trained, claims),
        claims=claims,
        sections=[
            _setting(config, found),
            _comparison(trained, claims),
            strengths.section(trained),
            _training(config, trained),
            *([reliance.section(found.relied)] if found.relied else []),
        ],
    )


def _gap_claims(trained):
    claims = []
    for id, (name, time, text) in NOISE.items():
        if name not in trained:
            continue
        control = trained[name].control
        without = "no regulariser" if control == recipes.NONE else control
        claims.append(
            report.Claims(source=f"lecture, {time}", figure="gaps").paired(
                id,
                f"{text}: the gap between training and test accuracy is smaller with "
                f"{name} than with {without}.",
                f"points of gap, {control} − {name}",
                (trained[control].gaps(), trained[name].gaps()),
                above=0,
            )
        )
    return claims


def _longer_claims(config, trained):
    dropout, none = trained["dropout"], trained["none"]
    claims = []
    for loss in config.targets:
        short = dropout.unreached(loss) + none.unreached(loss)
        why = f"{short} networks do not reach {loss:g} nats; more updates would show it"
        say = report.Claims(
            source="lecture, 1:02:57",
            figure="training",
            untested=why if short else None,
        )
        claims.append(
            say.ratio(
                f"L58.longer.{loss:g}",
                "With dropout training takes longer: more updates until the training "
                f"loss is {loss:g} nats.",
                "updates, dropout / none",
                (dropout.updates_to(loss), none.updates_to(loss)),
                above=1,
            )
        )
    return claims


def _accuracy_claims(trained):
    """Return the claims that compare the test accuracies of two regularisers."""
    rows = {
        "L60": (
            ("BatchNorm + dropout", "BatchNorm"),
            "1:04:25",
            "With BatchNorm dropout is seldom needed: it adds less than "
            f"{MARGIN:g} point of test accuracy.",
            "with − without dropout",
            {"below": MARGIN},
        ),
        "L63.alike": (
            ("DropConnect", "dropout"),
            "1:06:49",
            "DropConnect behaves like dropout: their test accuracies are within "
            f"{MARGIN:g} point of each other.",
            "DropConnect − dropout",
            {"above": -MARGIN, "below": MARGIN},
        ),
    }
    for id, name, time, text, ends in (
        (
            "L51",
            "L2",
            "0:55:34",
            "L2 is not the best regulariser: the one that validates best among the "
            "others, which is {best}, has the higher test accuracy.",
            {"above": 0},
        ),
        (
            "L66",
            "BatchNorm",
            "1:09:04",
            "BatchNorm usually is enough: the best of the others, which by validation "
            f"is {{best}}, is less than {MARGIN:g} point better.",
            {"below": MARGIN},
        ),
    ):
        others = [other for other in SINGLE if other != name and other in trained]
        if others:
            best = max(others, key=lambda n: trained[n].validation(trained[n].best))
            unit = f"{best} − {name}"
            rows[id] = ((best, name), time, text.format(best=best), unit, ends)
    return [
        report.Claims(source=f"lecture, {time}", figure="accuracies").paired(
            id,
            text,
            f"points of test accuracy, {unit}",
            tuple(trained[name].tested() for name in pair),
            **ends,
        )
        for id, (pair, time, text, unit, ends) in rows.items()
        if set(pair) <= set(trained)
    ]


def _summary(trained, claims):
    plain, gap = trained["none"].accuracy(), trained["none"].gap()
    names = {of.id: NOISE[of.id][0] for of in claims if of.id in NOISE}
    words = "narrower with {}", "wider with {}", "not clearly narrower with {}"
    points = [
        f"{NOISE[of.id][0]} ({_signed(of.effect)})" for of in claims if of.id in NOISE
    ]
    gaps = report.group_by_verdict(claims, names, *words)
    return (
        "The gap between training and test accuracy is "
        f"{gaps or 'not compared for any source of noise'}."
        f"\n\nThe points by which each narrows it: {report.listing(points)}. Without a "
        f"regulariser {report.format_number(float(plain.mean()))} % of the test "
        "examples are classified correctly, and the gap is "
        f"{report.format_number(float(gap.mean()))} points."
    )


def _setting(config, found):
    examples = found.examples
    return report.Section(
        "What is compared",
        f"Each network learns from {examples['train']:,} examples, "
        f"{examples['train'] // found.num_classes} of each class, so few that every "
        "network can learn them by heart: what is lost in the test is lost by "
        f"overfitting. All have the same {config.updates:,} updates of "
        f"{config.batch_size} examples by momentum with the learning rate "
        f"{config.learning_rate:g}.\n\nA regulariser has three strengths, an equal "
        "budget for all, and is shown at the one with the best mean accuracy on "
        f"{examples['validation']:,} validation examples. The {examples['test']:,} "
        "test examples choose nothing. Claims that two accuracies are alike, or that "
        "one is hardly better, allow one point: the lecture names no bound.\n\nSeeds "
        "differ in initial weights, batches and noise, not in the training examples: "
        "claims say what other seeds and other test examples would give with the same "
        "training examples. Fractional pooling and stochastic depth need networks of "
        "their own, and are compared with these: with pooling regions that are fixed, "
        "with layers that are never dropped.",
    )


def _comparison(trained, claims):
    verdicts = {NOISE[of.id][0]: of for of in claims if of.id in NOISE}
    compared = {name: of for name, of in trained.items() if of.control}
    differences = {
        name: of.accuracy() - trained[of.control].accuracy()
        for name, of in compared.items()
    }
    return report.Section(
        "Training accuracy, test accuracy and gap",
        "Each interval is one of a single comparison, over seeds alone. The verdict is "
        "that of the claim that the gap is narrower than the control's, decided "
        "together with all claims of this page, with the test examples as a sample "
        "too. A gap also narrows where a network fits the training set less and "
        "classifies the test set no better, which the first two columns show. "
        "Augmentation knows something of the data that the others do not: signals of "
        "MNIST-1D are themselves made by padding and shifting.",
        report.Table(
            ("regulariser", "train (%)", "test (%)", "gap (points)", "compared with")
            + ("difference in test (95 % interval)", "narrower gap"),
            [
                _row(name, of, differences.get(name), verdicts.get(name))
                for name, of in trained.items()
            ],
            "Means over seeds with their 95 % intervals.",
        ),
        report.Forest(
            "gaps",
            list(trained),
            {s: [of.accuracy(s) for of in trained.values()] for s in ("train", "test")},
            "accuracy (%)",
            ends=_of_accuracy,
            caption="Accuracy on the examples trained on and in the test: the distance "
            f"between the two marks is the gap. {INTERVALS}",
        ),
        report.Forest(
            "accuracies",
            list(compared),
            {"difference": list(differences.values())},
            "test accuracy minus the control's (points)",
            bold=[
                name
                for name in compared
                if name in verdicts and verdicts[name].verdict == "supported"
            ],
            reference=0,
            caption="Test accuracy minus that of the control, paired by seed. "
            f"{INTERVALS} In bold: the claim of a narrower gap is supported.",
        ),
    )


def _row(name, trained, difference, claim):
    accuracies = (_of_accuracy(trained.accuracy(split)) for split in ("train", "test"))
    gap = _ends(trained.gap())
    first = (name, *(_interval(ends) for ends in (*accuracies, gap)))
    if difference is None:
        return (*first, "–", "–", "–")
    low, mean, high = map(_signed, _ends(difference))
    verdict = claim.verdict if claim else "not claimed"
    return (*first, trained.control, f"{mean} ({low} to {high})", verdict)


def _training(config, trained):
    shown = {name: trained[name] for name in CURVES if name in trained}
    return report.Section(
        "Does training take longer?",
        "Noise slows the beginning of a training. Whether it also slows the end is "
        "another question, as the loss is one without noise; so updates are counted to "
        "a high loss and to a low one. Where a loss is never reached, all updates "
        "count.",
        report.Table(
            ("regulariser", *(f"updates to {loss:g} nats" for loss in config.targets)),
            [
                (name, *(of.updates_to(loss) for loss in config.targets))
                for name, of in shown.items()
            ],
        ),
        report.Curves(
            "training",
            {
                name: (of.chosen.history["train_loss_step"] + 1,)
                + (of.chosen.history["train_loss"].T,)
                for name, of in shown.items()
            },
            ("updates", "training loss in test mode (nats)"),
            log="y",
            caption="Loss on the training examples, measured without noise.",
        ),
    )


def _ends(values):
    """Return low end, mean and high end of the 95 % interval of a mean."""
    mean = float(np.mean(values))
    low, high = report.mean_interval(values) or (mean, mean)
    return low, mean, high


def _of_accuracy(values):
    """Return the same of an accuracy in per cent, which ends at 100."""
    low, mean, high = _ends(values)
    return max(low, 0.0), mean, min(high, 100.0)


def _interval(ends):
    low, mean, high = ends
    return f"{mean:.1f} ({low:.1f} to {high:.1f})"


def _signed(value):
    # Adding zero takes the sign away from a zero.
    return f"{round(value, 1) + 0:+.1f}".replace("-", "−")
