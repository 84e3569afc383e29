"""Learning-rate schedules: functions step -> rate, as every optax rule takes them."""

from lec7.schedules.decays import (
    cosine_decay,
    exponential_decay,
    inverse_sqrt_decay,
    inverse_time_decay,
    linear_decay,
    step_decay,
)
from lec7.schedules.large_batches import scale_for_batch, warmup
from lec7.schedules.restarts import cyclic_cosine, snapshot_due, warm_restarts

__all__ = [
    "cosine_decay",
    "cyclic_cosine",
    "exponential_decay",
    "inverse_sqrt_decay",
    "inverse_time_decay",
    "linear_decay",
    "scale_for_batch",
    "snapshot_due",
    "step_decay",
    "warm_restarts",
    "warmup",
]
