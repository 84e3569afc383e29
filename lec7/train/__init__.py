"""Training: one pure step, its wrappers, and the loop on the host."""

from lec7.train.checkpoint import CheckpointError as CheckpointError
from lec7.train.checkpoint import restore_latest as restore_latest
from lec7.train.checkpoint import save as save
from lec7.train.evaluate import batch_metrics as batch_metrics
from lec7.train.evaluate import make_evaluate as make_evaluate
from lec7.train.feed import Feed as Feed
from lec7.train.feed import from_arrays as from_arrays
from lec7.train.feed import from_stream as from_stream
from lec7.train.loop import DivergedError as DivergedError
from lec7.train.loop import Plan as Plan
from lec7.train.loop import fit as fit
from lec7.train.metrics import MetricsLog as MetricsLog
from lec7.train.population import Population as Population
from lec7.train.population import train_population as train_population
from lec7.train.state import TrainState as TrainState
from lec7.train.state import population as population
from lec7.train.step import DEVICE_AXIS as DEVICE_AXIS
from lec7.train.step import make_advance as make_advance
from lec7.train.step import make_step as make_step
from lec7.train.streams import STREAMS as STREAMS
from lec7.train.streams import step_keys as step_keys
