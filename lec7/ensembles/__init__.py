"""Averaging at test time: over noise, over views of an example, and over networks."""

from lec7.ensembles import scores
from lec7.ensembles.averages import (
    average_log_probabilities,
    average_members,
    average_probabilities,
    average_views,
    member_logits,
)
from lec7.ensembles.diversity import (
    Ambiguity,
    ambiguity,
    disagreement,
    pairwise_kl,
    q_statistic,
)
from lec7.ensembles.members import Member, Trained, train_members
from lec7.ensembles.prediction import Predict, Prediction
from lec7.ensembles.predictors import deterministic, monte_carlo

__all__ = [
    "Ambiguity",
    "Member",
    "Predict",
    "Prediction",
    "Trained",
    "ambiguity",
    "average_log_probabilities",
    "average_members",
    "average_probabilities",
    "average_views",
    "deterministic",
    "disagreement",
    "member_logits",
    "monte_carlo",
    "pairwise_kl",
    "q_statistic",
    "scores",
    "train_members",
]
