"""Data sets for image classification, as checked arrays or as a stream of batches."""

from lec7.data.arrays import from_arrays
from lec7.data.batches import batch_indices
from lec7.data.checks import check_dataset, check_images, check_labels, check_split
from lec7.data.dataset import Dataset, Split, channel_moments, chunks, standardise
from lec7.data.disk import DiskImages
from lec7.data.errors import DataError, UnknownDatasetError
from lec7.data.fitting import fit_images
from lec7.data.iterables import from_iterable
from lec7.data.paths import digest, from_folder, is_there, short_name
from lec7.data.sources import load
from lec7.data.streams import stream

__all__ = [
    "DataError",
    "Dataset",
    "DiskImages",
    "Split",
    "UnknownDatasetError",
    "batch_indices",
    "channel_moments",
    "check_dataset",
    "check_images",
    "check_labels",
    "check_split",
    "chunks",
    "digest",
    "fit_images",
    "from_arrays",
    "from_folder",
    "from_iterable",
    "is_there",
    "load",
    "short_name",
    "standardise",
    "stream",
]
