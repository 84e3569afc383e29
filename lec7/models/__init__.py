"""Networks, one architecture a file, their layers, and their initial values."""

from lec7.models.convnet import ConvNet
from lec7.models.convolution import Conv, max_pool
from lec7.models.initialise import initialise
from lec7.models.layers import BatchNorm, Dropout
from lec7.models.mlp import MLP

__all__ = [
    "BatchNorm",
    "Conv",
    "ConvNet",
    "Dropout",
    "MLP",
    "initialise",
    "max_pool",
]
