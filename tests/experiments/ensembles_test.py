"""Verdicts and costs follow from the numbers that were measured."""

import numpy as np
import pytest

from experiments import ensembles
from experiments import ensembles_mixture as mixture
from experiments import ensembles_trainings as trainings
from lec7.ensembles.scores import Scores

CONFIG = ensembles.Config(**ensembles.SMALL)
GROUPS = np.array([0.9999, 1.0, 1.0001])  # how three groups differ


def scored(*accuracies):
    """Return the scores of groups, [3, N] or, of several sizes, [3, S, N]."""
    rows = np.outer(GROUPS, accuracies).squeeze()[..., None] + np.zeros(4)
    return Scores(rows, (100 - rows) / 100)


def found(*, one=80.0, members=82.0, cyclic=81.0, averaged=80.0):
    """Return findings of groups in which every method has a given accuracy."""
    alike = trainings.Trainings(
        ends={schedule: scored(one) for schedule in trainings.SCHEDULES},
        members=scored(one, members),
        snapshots={
            trainings.CYCLES: scored(one, cyclic, cyclic),
            trainings.DECAYED: scored(one, one, one),
        },
        averages={
            average: {schedule: scored(averaged) for schedule in trainings.SCHEDULES}
            for average in trainings.AVERAGES
        },
        diversity={
            kind: np.outer(np.ones(3), GROUPS)
            for kind in (trainings.MEMBERS, trainings.CYCLES, trainings.DECAYED)
        },
        rises={how: GROUPS for how in (trainings.CYCLES, trainings.DECAYED)},
        curves={
            how: (np.array([4, 8]), np.ones((6, 2))) for how in trainings.SCHEDULES
        },
    )
    rising = 70.0 + np.arange(len(mixture.choices(CONFIG)))
    accuracy = {
        split: np.outer(GROUPS, factor * rising)
        for split, factor in zip(mixture.SPLITS, (1.2, 1.0, 1.0), strict=True)
    }
    right = np.arange(100) < accuracy["test"][..., None]
    mixed = mixture.Mixture(accuracy, right, scored(members), scored(one))
    return ensembles.Findings({"digits": alike}, {"digits": mixed})


def decided(**accuracies):
    claims = ensembles.analyse(CONFIG, found(**accuracies)).claims
    return {claim.id: claim for claim in claims}


@pytest.mark.parametrize(
    ("id", "holds", "fails"),
    [
        ("L45.digits", {"members": 82.0}, {"members": 84.0}),
        ("L45.digits", {"members": 82.0}, {"members": 80.2}),
        ("L46.digits", {"cyclic": 81.0}, {"cyclic": 79.0}),
        ("L46.digits.below", {"members": 82.0}, {"members": 78.0}),
        ("L47.digits.enough", {"cyclic": 81.5}, {"cyclic": 80.5}),
        ("L49.digits", {"members": 82.0}, {"members": 79.0}),
        ("L50.digits.swa_constant", {"averaged": 81.0}, {"averaged": 79.0}),
        ("L50.digits.swa_decayed", {"averaged": 80.1}, {"averaged": 81.0}),
    ],
)
def test_verdicts_turn_with_the_numbers(id, holds, fails):
    assert decided(**holds)[id].verdict == "supported"
    assert decided(**fails)[id].verdict == "contradicted"


def test_a_method_costs_its_trainings_and_its_passes():
    many, kept, updates = CONFIG.members, CONFIG.kept, CONFIG.updates
    section = ensembles.analyse(CONFIG, found()).sections[1]
    (table,) = [part for part in section.parts if hasattr(part, "rows")]
    costs = {row[0]: tuple(row[1:4]) for row in table.rows}
    assert costs["one network"] == (1, updates, 1)
    assert costs[f"{many} networks"] == (many, many * updates, many)
    assert costs["snapshots, cycles"] == (1, updates, kept)
    assert costs["SWA, constant"] == (1, updates, 1)
