"""What momentum makes of gradient noise, and of a wrong gradient."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from experiments import descents
from lec7 import problems, report, update_rules

if TYPE_CHECKING:
    from experiments.conditioning import Config

SAME, SLOW = "momentum", "momentum, rate (1 - decay)"
SHARE = 1e-8  # of the first loss, below which curves are not drawn
SHELLS = "Median over the shells, in a band from the lowest to the highest."


class Noise(NamedTuple):
    """Descents at one rate whose gradients are off; the shells come first."""

    exact: np.ndarray
    """Updates of SGD half the way along, without noise [N]."""
    noisy: np.ndarray
    """The same, with noise [N]."""
    straightness: Mapping[str, np.ndarray]
    """Rule -> mean cosine between an update and the next, with noise [N]."""
    floor: Mapping[str, np.ndarray]
    """Rule -> loss that noise sustains at the minimum [N]."""
    wrong: Mapping[str, np.ndarray]
    """Rule -> losses after one wrong gradient at the minimum [N, T + 1]."""
    pictured: descents.Panel
    """SGD and momentum on the first shell, with noise."""


def measure(config: "Config", shells: problems.Family, exact: problems.Path) -> Noise:
    """Descend with noisy gradients, from the starts and from the minima.

    Of the shells, and of SGD's exact paths on them, the last is that of the pictures.
    """
    exact, shells = exact.select(np.s_[:-1]), shells.select(np.s_[:-1])
    steps, rates = config.steps, config.equal_rate / shells.members.condition
    seeds = [[seed, 1] for seed in config.seeds]
    noise = problems.draw_noise(seeds, steps, 2, scale=config.noise)
    kick = np.eye(steps, 1)
    resting = shells._replace(starts=np.zeros((len(seeds), 2)))
    pair = {name: descents.RULES[name] for name in ("SGD", "momentum")}

    def follow(rule, losses, noise, rates=rates):
        return problems.descend(rule, losses, steps, rates=rates, noise=noise)

    noisy = {name: follow(rule, shells, noise) for name, rule in pair.items()}
    floor = {
        "SGD": follow(pair["SGD"], resting, noise),
        SAME: follow(pair["momentum"], resting, noise),
        SLOW: follow(pair["momentum"], resting, noise, rates * (1 - 0.9)),
    }
    wrong = {
        "momentum": pair["momentum"],
        "Nesterov": update_rules.nesterov_lookahead,
    }
    return Noise(
        exact=problems.updates_to_halve(exact),
        noisy=problems.updates_to_halve(noisy["SGD"]),
        straightness={n: problems.straightness(path) for n, path in noisy.items()},
        floor={n: problems.sustained_loss(path) for n, path in floor.items()},
        wrong={n: follow(rule, resting, kick).losses for n, rule in wrong.items()},
        pictured=descents.panel(
            problems.taco_shell(shells.members.condition[0]),
            {n: path.select(0)._replace(state={}) for n, path in noisy.items()},
        ),
    )


def claims(found: Noise) -> list[report.Claim]:
    """Decide what noise does, and what a wrong velocity does."""
    floor = report.Claims(source="lecture, 0:26:05", figure="noise_floor")
    slow = {
        "L12.averages": ("at the same terminal speed, its rate a tenth, it", SLOW),
        "L12.same_rate": ("at the same rate it", SAME),
    }
    return [
        report.Claims(source="lecture, 0:22:35", figure="noisy_paths").ratio(
            "L08.conditioning",
            "Exact gradients do not cure the conditioning: they need as many updates "
            "half the way along the valley as noisy ones, to within a quarter.",
            "updates, exact / noisy",
            (found.exact, found.noisy),
            above=0.8,
            below=1.25,
        ),
        report.Claims(source="lecture, 0:26:05", figure="noisy_paths").paired(
            "L12",
            "Momentum makes a noisy path smoother: at the same rate, the direction of "
            "an update is nearer to that of the one before.",
            "cosine, momentum − SGD",
            (found.straightness["momentum"], found.straightness["SGD"]),
            above=0,
        ),
        *(
            floor.ratio(
                id,
                f"Momentum averages noise out: {rate} leaves less loss at the minimum "
                "than SGD.",
                "loss, momentum / SGD",
                (found.floor[name], found.floor["SGD"]),
                below=1,
            )
            for id, (rate, name) in slow.items()
        ),
        report.Claims(source="lecture, 0:27:51", figure="wrong_velocity").ratio(
            "L14",
            "Nesterov corrects a wrong velocity: with the same velocity at the minimum "
            "it loses less, in sum, than momentum.",
            "loss, Nesterov / momentum",
            tuple(found.wrong[name].sum(axis=1) for name in ("Nesterov", "momentum")),
            below=1,
        ),
    ]


def shares(losses: np.ndarray, *, first: int) -> tuple[np.ndarray, np.ndarray]:
    """Return updates, and losses as shares of the one after the first [N, T]."""
    shares = losses[:, first:] / losses[:, first, None]
    return np.arange(shares.shape[1]) + first, np.maximum(shares, SHARE)


def by_condition(
    name: str,
    conditions: np.ndarray,
    values: Mapping[str, np.ndarray],
    label: str,
    caption: str,
    *,
    log: str = "xy",
) -> report.Curves:
    """Draw a value of each shell against its condition number [N]."""
    curves = {group: (conditions, row) for group, row in values.items()}
    labels = ("condition number", label)
    return report.Curves(name, curves, labels, log=log, caption=caption, points=True)


def wrong_velocity(found: Noise) -> report.Curves:
    """Draw how the rules recover from one wrong gradient."""
    return report.Curves(
        "wrong_velocity",
        {name: shares(losses, first=1) for name, losses in found.wrong.items()},
        ("updates", "loss / loss after one update"),
        log="y",
        band=SHELLS,
        caption="Started at the minimum with the same velocity, which one wrong "
        "gradient of (1, 1) has given, at one rate; Nesterov in its look-ahead form.",
    )


def section(config: "Config", found: Noise, conditions: np.ndarray) -> report.Section:
    """Show noisy paths, and the loss that noise sustains."""
    drawn = found.pictured
    plane = report.Plane(
        landscape=drawn.ground,
        paths={name: path.points for name, path in drawn.paths.items()},
        minima=drawn.minima,
    )
    return report.Section(
        "Noise",
        report.Trajectories(
            "noisy_paths",
            {f"condition number {conditions[0]:.0f}": plane},
            caption="SGD and momentum at one rate with Gaussian noise of standard "
            f"deviation {config.noise:g} in each coordinate of the gradient.",
        ),
        by_condition(
            "noise_floor",
            conditions,
            found.floor,
            "loss",
            f"Mean loss of the second half of {config.steps} updates from the "
            "minimum. At the same rate, the terminal speed of momentum is ten times "
            "that of SGD; at a rate of (1 − decay) times that, it is the same.",
        ),
    )
