"""Measures of the sharpness of a minimum."""

from lec7.sharpness import ranking
from lec7.sharpness.adaptive import adaptive_average_case, adaptive_worst_case
from lec7.sharpness.ball import sam_sharpness
from lec7.sharpness.box import keskar
from lec7.sharpness.card import MEASURES, TITLES, Card, Row, report_card
from lec7.sharpness.card_plan import CardPlan, Planned, plan_card
from lec7.sharpness.critical_step import critical_sharpness
from lec7.sharpness.edge import track
from lec7.sharpness.fisher_rao import fisher_rao
from lec7.sharpness.gaussian import average_case, local_entropy, low_pass
from lec7.sharpness.gradient_noise_scale import gradient_noise_scale
from lec7.sharpness.hessian import frobenius, hessian_max, hessian_trace
from lec7.sharpness.measure import Measure
from lec7.sharpness.pac_bayes import pac_bayes_sigma
from lec7.sharpness.relative_flatness import relative_flatness
from lec7.sharpness.rescaling import rescale_layers

__all__ = [
    "Card",
    "CardPlan",
    "MEASURES",
    "Measure",
    "Planned",
    "TITLES",
    "Row",
    "adaptive_average_case",
    "adaptive_worst_case",
    "average_case",
    "critical_sharpness",
    "fisher_rao",
    "frobenius",
    "gradient_noise_scale",
    "hessian_max",
    "hessian_trace",
    "keskar",
    "local_entropy",
    "low_pass",
    "pac_bayes_sigma",
    "plan_card",
    "ranking",
    "relative_flatness",
    "report_card",
    "rescale_layers",
    "sam_sharpness",
    "track",
]
