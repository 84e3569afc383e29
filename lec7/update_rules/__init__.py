"""Update rules: one gradient transformation a file."""

from lec7.update_rules.adagrad import adagrad, scale_by_adagrad
from lec7.update_rules.adam import adam, scale_by_adam
from lec7.update_rules.momentum import momentum, scale_by_momentum
from lec7.update_rules.nesterov import nesterov, scale_by_nesterov
from lec7.update_rules.nesterov_lookahead import (
    nesterov_lookahead,
    scale_by_nesterov_lookahead,
)
from lec7.update_rules.polyak_average import averaged_params, polyak_average
from lec7.update_rules.rmsprop import rmsprop, scale_by_rmsprop
from lec7.update_rules.sgd import scale_by_sgd, sgd

__all__ = [
    "adagrad",
    "adam",
    "averaged_params",
    "momentum",
    "nesterov",
    "nesterov_lookahead",
    "polyak_average",
    "rmsprop",
    "scale_by_adagrad",
    "scale_by_adam",
    "scale_by_momentum",
    "scale_by_nesterov",
    "scale_by_nesterov_lookahead",
    "scale_by_rmsprop",
    "scale_by_sgd",
    "sgd",
]
