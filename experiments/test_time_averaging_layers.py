"""Layers with noise: the deterministic rule of each, and averages over noisy passes."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from flax import linen as nn

from lec7 import data, ensembles, models, report, train
from lec7.ensembles import scores

DROP = 0.5  # rate of dropout, DropConnect and of the last block of stochastic depth
GROUPS = 8  # independent averages that a variance needs at least
RULES = {
    "dropout": "Srivastava et al. 2014, JMLR 15, sec. 7.5",
    "channel dropout": "Tompson et al. 2015, arXiv:1411.4280",
    "DropConnect": "Wan et al. 2013, PMLR 28(3):1058, algorithm 2",
    "fractional pooling": "lecture, 1:07:12",
    "stochastic depth": "Huang et al. 2016, arXiv:1603.09382, eq. 5",
    "BatchNorm": "Ioffe and Szegedy 2015, arXiv:1502.03167, algorithm 2",
}
"""Source of noise -> where its deterministic rule is from."""
NOISE = tuple(RULES)
SPREAD = "Test set; mean ± standard deviation over seeds."
PASSES = "noisy passes, T"


class Networks(NamedTuple):
    """M trained networks of one model."""

    model: nn.Module
    """As it is tested, without a device axis."""
    members: Sequence[Mapping[str, Any]]
    """Variables of each."""


class Layer(NamedTuple):
    """A source of noise: its deterministic rule, and averages over T passes."""

    rule: scores.Scores
    """Of each of N test examples, [M, N]."""
    passes: np.ndarray
    """T, powers of two, [G]."""
    several: scores.Scores
    """Of an average over T passes, for each example, [M, G, N]."""
    noise: np.ndarray
    """Variance of an averaged probability over the passes, mean over images and
    classes; NaN where fewer than `GROUPS` averages are independent, [M, G]."""
    distance: np.ndarray
    """Total variation between the rule's probabilities and the average over all passes,
    mean over images, [M]."""

    @property
    def count(self) -> int:
        """Passes of every network."""
        return int(self.passes[-1])

    @property
    def exponents(self) -> np.ndarray:
        """K where the noise falls as T^k, by least squares on logarithms, [M]."""
        return np.array([_exponent(self.passes, noise) for noise in self.noise])

    def averaged(self, count: int | None = None) -> scores.Scores:
        """Return the scores [M, N] of averages over some passes, all by default."""
        return self.several.of_size(1 + list(self.passes).index(count or self.count))


def plain(width: int, **noise: Any) -> Callable[..., nn.Module]:
    """Return what makes a ConvNet, whose only noise is the one given."""
    return functools.partial(
        models.ConvNet,
        channels=(width // 4, width // 2),
        dense=(width,),
        **{"batch_norm": False, **noise},
    )


def networks(width: int) -> dict[str, Callable[..., nn.Module]]:
    """Return what makes a network for each source of noise.

    Stochastic depth has a residual network, and with it BatchNorm, whose test
    statistics are left fixed.
    """
    return {
        "dropout": plain(width, dropout=DROP),
        "channel dropout": plain(width, channel_dropout=0.2),
        "DropConnect": plain(width, drop_connect=DROP),
        "fractional pooling": plain(width, pool_ratio=2**0.5),
        "stochastic depth": functools.partial(
            models.ResNet, blocks=(2, 2), channels=width // 4, stochastic_depth=DROP
        ),
        "BatchNorm": plain(width, batch_norm=True),
    }


def passes(config, name, found: Networks, split, train_split) -> list[np.ndarray]:
    """Return the probabilities of all noisy passes of each network, M of [N, B, K]."""
    make = monte_carlo_passes
    if name == "BatchNorm":
        make = functools.partial(
            batch_statistics_passes, split=train_split, batch_size=config.batch_size
        )
    return [
        make(found.model, variables, split.images, count=config.passes, seed=seed)
        for variables, seed in zip(found.members, config.seeds, strict=True)
    ]


def monte_carlo_passes(model, variables, images, *, count: int, seed: int):
    """Return the probabilities of N passes with the noise of training, [N, B, K]."""
    keys = jax.random.split(jax.random.key(seed), count)
    return np.asarray(_passes(model, variables, keys, images))


@functools.partial(jax.jit, static_argnums=0)
def _passes(model, variables, keys, images):
    def once(key):
        return ensembles.monte_carlo(model, variables, passes=1, key=key)(images).mean

    return jax.lax.map(once, keys)


def batch_statistics_passes(
    model, variables, images, *, split, batch_size: int, count: int, seed: int
):
    """Return the probabilities of N passes that normalise as N training batches did.

    The noise of BatchNorm is in the batch that an example meets. A pass takes the
    statistics of one batch of the training set, drawn independently of those of other
    passes, in place of the running ones (Teye et al. 2018, arXiv:1802.06455).
    """
    found = []
    for number in range(seed * count, (seed + 1) * count):
        # The first batch of an epoch of its own: those of one epoch are disjoint, and
        # averages over many of them vary less than averages over independent ones.
        row = data.batch_indices(
            number, 0, 1, batch_size=batch_size, num_examples=len(split.labels)
        )[0]
        batch = data.Split(split.images[row], split.labels[row])
        refitted = train.refit_batch_stats(model, variables, [batch])
        found.append(ensembles.deterministic(model, refitted)(images).mean)
    return np.stack(found)


def measure(found: Networks, several: Sequence[np.ndarray], split: data.Split) -> Layer:
    """Compare the rule of M networks with averages over their passes [N, B, K]."""
    rules = by_rule(found, split.images)
    curves = [curve(probabilities, split.labels) for probabilities in several]
    scored, noise = zip(*curves, strict=True)
    return Layer(
        scores.of_probabilities(rules, split.labels, each=True),
        2 ** np.arange(len(several[0]).bit_length()),
        scores.stack(scored),
        np.stack(noise),
        distance=distances(rules, several),
    )


def curve(
    probabilities: np.ndarray, labels: np.ndarray
) -> tuple[scores.Scores, np.ndarray]:
    """Return scores [G, B] and noise [G] of averages over 1, 2, 4, ... of N passes.

    Every number is a mean over the N / T averages of disjoint groups.
    """
    scored, noise = [], []
    for count in 2 ** np.arange(len(probabilities).bit_length()):
        means = averages(probabilities, count)
        enough = len(means) >= GROUPS
        noise.append(means.var(axis=0, ddof=1).mean() if enough else np.nan)
        scored.append(scores.of_probabilities(means, labels, each=True).mean(axis=0))
    return scores.stack(scored), np.array(noise)


def averages(probabilities: np.ndarray, count: int) -> np.ndarray:
    """Return the means [N / T, B, K] over disjoint groups of T of N passes."""
    return probabilities.reshape(-1, count, *probabilities.shape[1:]).mean(axis=1)


def distances(rules: np.ndarray, several: Sequence[np.ndarray]) -> np.ndarray:
    """Return the total variation [M] of rules from averages, mean over images."""
    means = np.stack([found.mean(axis=0) for found in several])
    return np.abs(rules - means).sum(axis=-1).mean(axis=-1) / 2


def by_rule(found: Networks, images: np.ndarray) -> np.ndarray:
    """Return the probabilities of each network by its deterministic rule, [M, B, K]."""
    return np.stack(
        [
            ensembles.deterministic(found.model, variables)(images).mean
            for variables in found.members
        ]
    )


def by_plain_means(found: Networks, images: np.ndarray) -> np.ndarray:
    """Return the probabilities with DropConnect's weights at their means, [M, B, K].

    That is a(q (W v + b)), which the paper does not use: see `DropConnectDense`.
    """
    keep = 1 - found.model.drop_connect

    def scaled(path, leaf):
        name = jax.tree_util.keystr(path, simple=True, separator="/")
        return keep * leaf if "/classifier/Dense_" in name else leaf

    members = [jax.tree_util.tree_map_with_path(scaled, m) for m in found.members]
    return by_rule(Networks(found.model.clone(drop_connect=0.0), members), images)


def _exponent(counts, noise):
    known = np.isfinite(noise)
    return float(np.polyfit(np.log(counts[known]), np.log(noise[known]), deg=1)[0])


def noise_claims(found: Mapping[str, Layer]) -> list[report.Claim]:
    """Decide what the lecture says of a noisy pass, and of many."""
    say = report.Claims(source="lecture, 0:59:58", figure="layers")
    left = report.Claims(source="lecture, 0:59:58", figure="noise", kind="identity")
    claims = []
    for name, layer in found.items():
        one, every, id = layer.averaged(1), layer.averaged(), name.replace(" ", "_")
        claims += [
            say.paired(
                f"L55.{id}.unwanted",
                f"With {name}, noise at test is unwanted: a noisy pass is less "
                "accurate than the deterministic rule.",
                "points of test accuracy, rule − one pass",
                (layer.rule.accuracy, one.accuracy),
                above=0,
            ),
            say.paired(
                f"L55.{id}.averaged",
                f"With {name}, sampling averages it out: {layer.count} passes together "
                "are more accurate than one.",
                f"points of test accuracy, {layer.count} passes − one",
                (every.accuracy, one.accuracy),
                above=0,
            ),
        ]
    if found:
        exponents = np.mean([of.exponents for of in found.values()], axis=0)
        claims.append(
            left.mean(
                "L55.left",
                "Sampling leaves noise: the variance of the mean of T independent "
                "passes falls as 1/T, whatever the noise, the exponent being −1 to "
                "within a quarter.",
                "exponent of T, mean over the sources of noise",
                exponents,
                above=-1.25,
                below=-0.75,
            )
        )
    return claims


def pooling_claims(found: Mapping[str, Layer]) -> list[report.Claim]:
    """Decide what is said of fractional pooling."""
    if "fractional pooling" not in found:
        return []
    layer = found["fractional pooling"]
    graham = report.Claims(
        source="lecture, 1:07:12; Graham 2014, arXiv:1412.6071", figure="layers"
    )
    return [
        graham.paired(
            "L64.several",
            f"With fractional pooling, {layer.count} passes averaged are more accurate "
            "than fixed regions.",
            f"points of test accuracy, {layer.count} passes − fixed",
            (layer.averaged().accuracy, layer.rule.accuracy),
            above=0,
        ),
    ]


def paper_claims(found: Mapping[str, Layer]) -> list[report.Claim]:
    """Decide what the papers of the layers say of their rules and of averages."""
    calibrated = {
        "dropout": ("gal", "Gal and Ghahramani 2016, arXiv:1506.02142"),
        "BatchNorm": ("teye", "Teye et al. 2018, arXiv:1802.06455"),
    }
    return [
        report.Claims(source=RULES[name], figure="layers").paired(
            f"rule.{name.replace(' ', '_')}",
            f"With {name}, the deterministic rule is as accurate as the average over "
            f"{layer.count} passes, to within half a point.",
            "points of test accuracy, rule − average",
            (layer.rule.accuracy, layer.averaged().accuracy),
            above=-0.5,
            below=0.5,
        )
        for name, layer in found.items()
        if name != "fractional pooling"  # of which `L64.several` tells the same number
    ] + [
        report.Claims(source=source, figure="losses").paired(
            id,
            f"With {name}, the average over {found[name].count} passes states its "
            "uncertainty better: its test loss is lower than the rule's.",
            "nats, average − rule",
            (found[name].averaged().loss, found[name].rule.loss),
            below=0,
        )
        for name, (id, source) in calibrated.items()
        if name in found
    ]


def wan_claims(
    found: Mapping[str, Layer], plain_means: np.ndarray
) -> list[report.Claim]:
    """Decide what DropConnect's paper says of its rule."""
    if "DropConnect" not in found:
        return []
    return [
        report.Claims(source="Wan et al. 2013, PMLR 28(3):1058", figure="rules").ratio(
            "wan",
            "With DropConnect, Gaussian moments are nearer to the average over true "
            "masks than weights at their means.",
            "total variation distance, moments / means",
            (found["DropConnect"].distance, plain_means),
            below=1,
        )
    ]


def sections(
    found: Mapping[str, Layer], plain_means: np.ndarray
) -> list[report.Section]:
    """Show rules and averages, and the noise that averages leave."""
    return [_rules(found, plain_means), _noise(found)]


def _rules(found, plain_means):
    count = next(iter(found.values())).count
    shown = sorted({1, 4, 16, count})
    scored = {
        name: [each.mean() for each in (of.rule, *map(of.averaged, shown))]
        for name, of in found.items()
    }
    rules = {name: 100 * of.distance for name, of in found.items()}
    if plain_means.size:
        rules["DropConnect, weights at their means"] = 100 * plain_means
    groups = ("rule", *map(str, shown))
    return report.Section(
        "The rule, and averages over passes",
        "A noisy pass draws at test what training draws: a mask, the regions of "
        "fractional pooling, or, with BatchNorm, the training batch whose statistics "
        "normalise. The probabilities of T passes are averaged. The distance is the "
        "total variation between the rule's probabilities and the average over all "
        "passes, mean over the test images.\n\nSeeds decide the initial weights, the "
        "batches and the noise. Claims on accuracies and losses are over seeds and "
        "test images. The bounds in the claims, such as half a point or ten per cent, "
        "are ours: the lecture names none.",
        report.Table(
            ("noise", "rule (%)", "T = 1 (%)", f"T = {count} (%)")
            + ("rule (nats)", f"T = {count} (nats)", "distance (%)"),
            [
                (name, rule.accuracy, one.accuracy, every.accuracy)
                + (rule.loss, every.loss, 100 * found[name].distance)
                for name, (rule, one, *_, every) in scored.items()
            ],
            SPREAD,
        ),
        report.Forest(
            "rules",
            list(rules),
            {"rule": list(rules.values())},
            f"distance of the rule from the average over {count} passes (%)",
            caption="Total variation between the probabilities of the rule and of the "
            "average over all passes: mean over seeds with its 95 % interval. "
            "DropConnect's rule takes Gaussian moments.",
        ),
        report.Paired(
            "layers",
            {
                f"{name}: accuracy (%)": [score.accuracy for score in several]
                for name, several in scored.items()
            },
            groups,
            x_label=PASSES,
            caption="Test accuracy by the deterministic rule, and of averages over T "
            "noisy passes, by T.",
        ),
        report.Paired(
            "losses",
            {
                f"{name}: loss (nats)": [score.loss for score in several]
                for name, several in scored.items()
            },
            groups,
            x_label=PASSES,
            log=True,
            caption="Test loss of the rule, and of averages over T noisy passes.",
        ),
    )


def _noise(found):
    gains = {
        name: (of.passes, np.subtract(of.several.accuracy, rule).mean(axis=(0, 2)))
        for name, of in found.items()
        for rule in [of.rule.accuracy[:, None]]
    }
    left = {
        name: (of.passes[known], of.noise[:, known])
        for name, of in found.items()
        for known in [np.isfinite(of.noise).all(axis=0)]
    }
    return report.Section(
        "How many passes, and what noise they leave",
        "Independent passes leave a variance of 1/T of that of one. It is taken here "
        "between averages of disjoint groups of passes, of which there are at least "
        f"{GROUPS}. Masks differ from image to image, whereas a pass has one draw for "
        "all images of the regions of fractional pooling, of the dropped blocks, and "
        "of the batch of BatchNorm.",
        report.Curves(
            "gains",
            gains,
            (PASSES, "accuracy, average − rule (points)"),
            log="x",
            caption="Test accuracy of the average over T passes less that of the rule, "
            "mean over seeds: above zero, averaging beats the rule.",
        ),
        report.Curves(
            "noise",
            left,
            (PASSES, "variance of a probability"),
            log="xy",
            caption="Variance of an averaged probability over the passes, mean over "
            "test images and classes.",
        ),
    )
