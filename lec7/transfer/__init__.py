"""Transfer learning: a new head, frozen layers, learning rates by path, a zoo."""

from lec7.parameter_paths import HEAD, all_but, count_parameters, first_match, matches
from lec7.transfer.freezing import Frozen, freeze, unfreeze_in_stages
from lec7.transfer.head import replace_head
from lec7.transfer.rates import FINE_TUNING, rates_by_path
from lec7.transfer.zoo import (
    Card,
    Network,
    load_network,
    network_folder,
    save_network,
)

__all__ = [
    "Card",
    "FINE_TUNING",
    "Frozen",
    "HEAD",
    "Network",
    "all_but",
    "count_parameters",
    "first_match",
    "freeze",
    "load_network",
    "matches",
    "network_folder",
    "rates_by_path",
    "replace_head",
    "save_network",
    "unfreeze_in_stages",
]
