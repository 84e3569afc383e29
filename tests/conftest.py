"""Four simulated devices, and arrays whose ranks never promote silently."""

import gc
import importlib
import os

import jax
import pytest

DEVICES = 4
WORKER = 1.5e9  # bytes that a worker of pytest-xdist may come to need

# With fewer threads than this the collectives of a loop that does not wait deadlock.
os.environ.setdefault("PJRT_NPROC", str(2 * DEVICES))
# Most of a test's time is compilation, of programs that run for milliseconds.
FLAGS = ["--xla_backend_optimization_level=0"]
if jax.__version_info__ < (0, 11):  # XLA ends the process at a flag it does not know
    FLAGS += [
        "--xla_cpu_use_fusion_emitters=false",
        "--xla_cpu_parallel_codegen_split_count=1",
    ]
os.environ.setdefault("XLA_FLAGS", " ".join(FLAGS))
jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_num_cpu_devices", DEVICES)
jax.config.update("jax_numpy_rank_promotion", "raise")
# A program is traced into many objects; looking for cycles among them is slow.
gc.set_threshold(100_000, 20, 100)
# tyro hashes all of `builtins`, where a doctest may later leave an array.
importlib.import_module("tyro")


def pytest_xdist_auto_num_workers():
    """Return as many workers as processors, fewer where memory is short."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return max(1, min(os.cpu_count(), int(memory / WORKER)))


@pytest.fixture(autouse=True, scope="module")
def forget_programs():
    """Free the programs of a module of tests, which no other one runs."""
    yield
    jax.clear_caches()


@pytest.fixture(autouse=True, scope="session")
def kept_programs(tmp_path_factory):
    """Compile a program that takes long once a worker, not once a module."""
    folder = tmp_path_factory.mktemp("programs")
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.05)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


@pytest.fixture
def float64():
    """Run the test in double precision."""
    with jax.enable_x64():
        yield
