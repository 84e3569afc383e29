"""Losses of few parameters, and one way to descend them and to tune the rate.

A `Problem` is one loss of two parameters, a `Family` many losses of one form; a module
named for a family (`shells`) draws it. `noisy_sine` is a loss made of examples.
"""

from lec7.problems import (
    hyperbola,
    noisy_sine,
    passes,
    polynomials,
    random_waves,
    shells,
    valleys,
    wells,
)
from lec7.problems.critical import Critical, critical_points, distinct, nearest
from lec7.problems.descent import MakeRule, Path, Tuned, descend, draw_noise, tune
from lec7.problems.family import Family
from lec7.problems.path_measures import (
    last_loss,
    left_to_go,
    overshoot,
    straightness,
    sustained_loss,
    travelled,
    updates_below,
    updates_to_cross,
    updates_to_halve,
    updates_to_settle,
)
from lec7.problems.problem import Point, Problem
from lec7.problems.shells import (
    ROTATED_ELLIPSE,
    TACO_SHELL,
    rotated_ellipse,
    taco_shell,
)
from lec7.problems.textbook import (
    BEALE,
    DOUBLE_WELL,
    HIMMELBLAU,
    MONKEY_SADDLE,
    PROBLEMS,
    ROSENBROCK,
    SADDLE,
)

__all__ = [
    "BEALE",
    "Critical",
    "DOUBLE_WELL",
    "Family",
    "HIMMELBLAU",
    "MONKEY_SADDLE",
    "MakeRule",
    "PROBLEMS",
    "Path",
    "Point",
    "Problem",
    "ROSENBROCK",
    "ROTATED_ELLIPSE",
    "SADDLE",
    "TACO_SHELL",
    "Tuned",
    "critical_points",
    "descend",
    "distinct",
    "draw_noise",
    "hyperbola",
    "last_loss",
    "left_to_go",
    "nearest",
    "noisy_sine",
    "overshoot",
    "passes",
    "polynomials",
    "random_waves",
    "rotated_ellipse",
    "shells",
    "straightness",
    "sustained_loss",
    "taco_shell",
    "travelled",
    "tune",
    "updates_below",
    "updates_to_cross",
    "updates_to_halve",
    "updates_to_settle",
    "valleys",
    "wells",
]
