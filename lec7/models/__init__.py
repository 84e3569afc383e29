"""Networks, one architecture a file, their layers, and their initial values."""

from lec7.models.architectures import ARCHITECTURES, fields_of, make
from lec7.models.convnet import ConvNet
from lec7.models.convolution import Conv, max_pool
from lec7.models.initialise import initialise
from lec7.models.layers import (
    BatchNorm,
    ChannelDropout,
    DropConnectDense,
    Dropout,
    FractionalMaxPool,
    GhostBatchNorm,
    StochasticDepth,
    linear_decay,
)
from lec7.models.mlp import MLP
from lec7.models.pretrained import Pretrained, load_pretrained
from lec7.models.recognition import IMAGENET_MOMENTS, resnet_of
from lec7.models.resnet import (
    ResNet,
    resnet18,
    resnet20,
    resnet50,
    resnet56,
    resnet110,
)
from lec7.models.weight_files import WeightsError
from lec7.models.word_vectors import WordVectors, word_vectors

__all__ = [
    "ARCHITECTURES",
    "BatchNorm",
    "ChannelDropout",
    "Conv",
    "ConvNet",
    "DropConnectDense",
    "Dropout",
    "FractionalMaxPool",
    "GhostBatchNorm",
    "IMAGENET_MOMENTS",
    "MLP",
    "Pretrained",
    "ResNet",
    "StochasticDepth",
    "WeightsError",
    "WordVectors",
    "fields_of",
    "initialise",
    "linear_decay",
    "load_pretrained",
    "make",
    "max_pool",
    "resnet110",
    "resnet18",
    "resnet20",
    "resnet50",
    "resnet56",
    "resnet_of",
    "word_vectors",
]
