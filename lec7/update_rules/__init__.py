"""Update rules: one gradient transformation a file."""

from lec7.update_rules.adagrad import adagrad, scale_by_adagrad
from lec7.update_rules.adam import adam, scale_by_adam
from lec7.update_rules.averaging.parameter_average import averaged_params
from lec7.update_rules.averaging.polyak_average import polyak_average
from lec7.update_rules.averaging.polyak_ruppert import polyak_ruppert
from lec7.update_rules.averaging.stochastic_weight_average import (
    stochastic_weight_average,
)
from lec7.update_rules.gsam import gsam, gsam_radius
from lec7.update_rules.momentum import momentum, scale_by_momentum
from lec7.update_rules.nesterov import nesterov, scale_by_nesterov
from lec7.update_rules.nesterov_lookahead import (
    nesterov_lookahead,
    scale_by_nesterov_lookahead,
)
from lec7.update_rules.rmsprop import rmsprop, scale_by_rmsprop
from lec7.update_rules.second_order.bfgs import bfgs, scale_by_bfgs
from lec7.update_rules.second_order.lbfgs import lbfgs, scale_by_lbfgs
from lec7.update_rules.second_order.line_search import strong_wolfe
from lec7.update_rules.second_order.newton import newton, scale_by_newton
from lec7.update_rules.second_order.newton_cg import newton_cg, scale_by_newton_cg
from lec7.update_rules.sgd import scale_by_sgd, sgd
from lec7.update_rules.sharpness_aware import sharpness_aware
from lec7.update_rules.weight_decay import decoupled_decay, l2_in_loss

__all__ = [
    "adagrad",
    "adam",
    "averaged_params",
    "bfgs",
    "decoupled_decay",
    "gsam",
    "gsam_radius",
    "l2_in_loss",
    "lbfgs",
    "momentum",
    "nesterov",
    "nesterov_lookahead",
    "newton",
    "newton_cg",
    "polyak_average",
    "polyak_ruppert",
    "rmsprop",
    "scale_by_adagrad",
    "scale_by_adam",
    "scale_by_bfgs",
    "scale_by_lbfgs",
    "scale_by_momentum",
    "scale_by_nesterov",
    "scale_by_nesterov_lookahead",
    "scale_by_newton",
    "scale_by_newton_cg",
    "scale_by_rmsprop",
    "scale_by_sgd",
    "sgd",
    "sharpness_aware",
    "stochastic_weight_average",
    "strong_wolfe",
]
