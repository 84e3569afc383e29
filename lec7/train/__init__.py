"""Training: one pure step, its wrappers, and the loop on the host."""

from lec7.randomness import STREAMS, step_keys
from lec7.train.batch_norm import refit_batch_stats
from lec7.train.checkpoint import CheckpointError, restore_latest, save
from lec7.train.costing import cost
from lec7.train.costs import (
    BANDWIDTH,
    LATENCY,
    Cost,
    Seconds,
    Sizes,
    all_reduce_seconds,
)
from lec7.train.divergence import DivergedError
from lec7.train.evaluate import batch_metrics, example_metrics, make_evaluate
from lec7.train.feed import Feed, from_arrays, from_stream
from lec7.train.finished import keep_networks
from lec7.train.loop import Plan, fit
from lec7.train.metrics import MetricsLog
from lec7.train.population import Population, train
from lec7.train.rate_range import RateRange, learning_rate_range
from lec7.train.record import CEILING, Record
from lec7.train.rehearsal import Rehearsal, rehearsed
from lec7.train.sinks import log_to
from lec7.train.snapshots import read_snapshots
from lec7.train.state import TrainState, initial_population
from lec7.train.step import DEVICE_AXIS, make_advance, make_step

__all__ = [
    "BANDWIDTH",
    "CEILING",
    "CheckpointError",
    "Cost",
    "DEVICE_AXIS",
    "DivergedError",
    "Feed",
    "LATENCY",
    "MetricsLog",
    "Plan",
    "Population",
    "RateRange",
    "Record",
    "Rehearsal",
    "STREAMS",
    "Seconds",
    "Sizes",
    "TrainState",
    "all_reduce_seconds",
    "batch_metrics",
    "cost",
    "example_metrics",
    "fit",
    "from_arrays",
    "from_stream",
    "initial_population",
    "keep_networks",
    "learning_rate_range",
    "log_to",
    "make_advance",
    "make_evaluate",
    "make_step",
    "read_snapshots",
    "refit_batch_stats",
    "rehearsed",
    "restore_latest",
    "save",
    "step_keys",
    "train",
]
