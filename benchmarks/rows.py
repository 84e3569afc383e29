"""The rows of the table, in its order."""

import functools

from benchmarks import case
from benchmarks.cases import curvature, hosts, landscapes, processes, rules, trainings

EAGER = "torch's convolutions are oneDNN's; its matrix products MKL's, slow on AMD"
FLAX = "stock Flax dispatches each update and is given lec7's pooling"

ROWS = {
    "adam": case.Row(
        "complete Adam update of the 11.7 million parameters of a ResNet-18",
        rules.adam,
        "XLA writes one kernel for each result and so moves 40 bytes a parameter, "
        "torch's fused form 28",
    ),
    "digits_mlp": case.Row(
        "MLP 64-128-128-10, batch 32, momentum",
        trainings.digits_mlp,
        "small layers: torch pays for each call",
    ),
    "large_mlp": case.Row(
        "MLP 784-512-512-10, batch 128, momentum",
        trainings.large_mlp,
        "MKL is slow on AMD",
    ),
    "ten_mlps": case.Row(
        "ten MLPs 64-128-128-10, batch 32, momentum",
        functools.partial(trainings.digits_mlp, members=10),
        "torch trains one after another",
    ),
    "convnet": case.Row(
        "ConvNet with BatchNorm, 28x28, batch 128, momentum",
        trainings.convnets,
        f"{EAGER}. {FLAX}",
    ),
    "five_convnets": case.Row(
        "five ConvNets with BatchNorm, 28x28, batch 128, momentum",
        functools.partial(trainings.convnets, members=5),
        "torch trains one after another, stock Flax all in one program, unrolled",
    ),
    "resnet20": case.Row(
        "ResNet-20, 32x32, batch 128, momentum", trainings.resnet20, f"{EAGER}. {FLAX}"
    ),
    "mnist1d": case.Row(
        "five CNNs of MNIST-1D by a user's `nn.Conv`, batch 100, Adam",
        trainings.mnist1d,
        "torch trains one after another",
    ),
    "product_mlp": case.Row(
        "Hessian-vector product, MLP, 1,024 digits in batches of 128",
        functools.partial(landscapes.product, name="mlp"),
        "torch pays for each call",
        "product",
    ),
    "product_convnet": case.Row(
        "Hessian-vector product, ConvNet, 1,024 digits in batches of 128",
        functools.partial(landscapes.product, name="convnet"),
        EAGER,
        "product",
    ),
    "eigenpairs": case.Row(
        "five eigenpairs of a tanh MLP with 6,570 parameters",
        curvature.eigenpairs,
        unit="call",
    ),
    "trace": case.Row("trace of its Hessian", curvature.trace, unit="call"),
    "density": case.Row(
        "its spectral density, 4 starts of 40 products",
        curvature.density,
        "curvlinops is given the edges",
        unit="call",
    ),
    "plane_mlp": case.Row(
        "plane of 51x51 points, MLP, batch 128",
        functools.partial(landscapes.plane, name="mlp"),
        unit="point",
    ),
    "plane_convnet": case.Row(
        "plane of 51x51 points, ConvNet, batch 128",
        functools.partial(landscapes.plane, name="convnet"),
        unit="point",
    ),
    "start": case.Row(
        "the first command from its start to its first updates on disk, warm",
        processes.start,
        "the whole process; no peer",
        "start",
    ),
    "pmap": case.Row(
        "MLP, one update a dispatch, pmap on one device",
        processes.pmap,
        "jax.pmap adds 45 microseconds a dispatch, of which a training has few",
    ),
    "distributed": case.Row(
        "digits MLP 64-128-128-10 in a process of JAX's distributed mode",
        hosts.overhead,
        "400 updates a dispatch, one core",
    ),
    "two_hosts": case.Row(
        "the same in two processes, batch 32 on each, against one with batch 32",
        functools.partial(hosts.weak_scaling, processes=2),
        "weak scaling over processes of one machine, a core each: 1 is perfect; 26,122 "
        "parameters are averaged over a socket in each update",
    ),
    "four_hosts": case.Row(
        "the same in four processes, batch 32 on each, against one with batch 32",
        functools.partial(hosts.weak_scaling, processes=4),
        "1 is perfect on four cores or more, and 0.5 on two, of which each has two "
        "processes",
    ),
}
