"""Networks, one architecture a file, their layers, and their initial values."""

from lec7.models.convnet import ConvNet as ConvNet
from lec7.models.convolution import Conv as Conv
from lec7.models.convolution import max_pool as max_pool
from lec7.models.initialise import initialise as initialise
from lec7.models.layers import BatchNorm as BatchNorm
from lec7.models.layers import Dropout as Dropout
from lec7.models.mlp import MLP as MLP
