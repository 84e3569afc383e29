import shutil
import zlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lec7 import runs

HITS = []


def count_hits(event, **kwargs):
    if event == "/jax/compilation_cache/cache_hits":
        HITS.append(event)


jax.monitoring.register_event_listener(count_hits)


def train(params, images):
    """Twenty steps of gradient descent on a small network."""

    def loss(params):
        hidden = jnp.tanh(images @ params["a"])
        return jnp.mean((hidden @ params["b"] - 1.0) ** 2)

    def step(params, _):
        value, gradient = jax.value_and_grad(loss)(params)
        return jax.tree.map(lambda p, g: p - 0.1 * g, params, gradient), value

    return jax.lax.scan(step, params, length=20)


def trained():
    """Compile and run `train` as a new process would; return the bytes it gives."""
    HITS.clear()
    rng = np.random.default_rng(0)
    params = {
        "a": rng.normal(size=(9, 16)).astype(np.float32),
        "b": rng.normal(size=(16, 1)).astype(np.float32),
    }
    images = rng.normal(size=(33, 9)).astype(np.float32)
    result = jax.jit(lambda *args: train(*args))(params, images)
    return b"".join(np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(result))


def cached(folder):
    with runs.cached_compilation(folder):
        return trained()


def entries(folder):
    return {path.name: path.read_bytes() for path in folder.glob("*-cache")}


def flipped(entry):
    return entry[:99] + bytes([entry[99] ^ 1]) + entry[100:]


DAMAGES = {
    "empty": lambda entry: b"",
    "truncated": lambda entry: entry[: len(entry) // 2],
    "one bit flipped": flipped,
    "one bit flipped under a valid checksum": lambda entry: zlib.compress(
        flipped(zlib.decompress(entry))
    ),
}


@pytest.fixture(autouse=True)
def no_cache_of_the_users_own(monkeypatch):
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)


@pytest.fixture(scope="module")
def expected():
    return trained()


@pytest.fixture(scope="module")
def sealed(expected, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache") / "warm"
    assert cached(folder) == expected
    assert not HITS
    return shutil.copytree(folder, folder.with_name("copy"))


@pytest.fixture
def warm(sealed):
    # at its old place: the path of the cache is a part of JAX's keys
    folder = sealed.with_name("warm")
    shutil.rmtree(folder)
    return shutil.copytree(sealed, folder)


def test_results_are_the_same_bytes_without_a_cache_with_a_cold_and_a_warm_one(
    expected, warm
):
    # `sealed` has compared the cold one
    assert cached(warm) == expected
    assert HITS


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_entry_is_compiled_anew_and_replaced(expected, warm, damage):
    for name, entry in entries(warm).items():
        (warm / name).write_bytes(damage(entry))
    assert cached(warm) == expected
    assert not HITS
    assert cached(warm) == expected
    assert HITS


@pytest.mark.parametrize("seal", [None, "", "[1, 2]", "x y", "\\0 torn"])
def test_entries_without_their_seal_are_compiled_anew(expected, warm, seal):
    before = entries(warm).keys()
    (warm / "seal.txt").unlink()
    if seal is not None:
        (warm / "seal.txt").write_text(seal)
    (warm / "left-over-cache").write_bytes(b"of a killed process")
    assert cached(warm) == expected
    assert not HITS
    assert entries(warm).keys() == before


def test_entries_of_a_process_that_was_killed_are_kept(expected, warm):
    for path in warm.iterdir():
        path.unlink()
    killed = runs.cached_compilation(warm)
    killed.__enter__()  # and never left
    try:
        assert trained() == expected
        assert entries(warm)
        left = shutil.copytree(warm, warm.with_name("left"))
    finally:
        killed.__exit__(None, None, None)
    (left / "half-cache").write_bytes(b"which it was writing")
    shutil.rmtree(warm)
    left.rename(warm)
    assert cached(warm) == expected
    assert HITS
    assert "half-cache" not in entries(warm)


def test_a_cache_of_the_users_own_is_left_to_jax(tmp_path, monkeypatch):
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path / "own"))
    with runs.cached_compilation(tmp_path / "ours"):
        assert jax.config.jax_compilation_cache_dir != str(tmp_path / "ours")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_means_no_cache(tmp_path):
    (tmp_path / "file").write_text("")
    before = jax.config.jax_compilation_cache_dir
    with runs.cached_compilation(tmp_path / "file" / "cache"):
        assert jax.config.jax_compilation_cache_dir == before


def test_jax_has_its_own_settings_again_afterwards(tmp_path):
    before = jax.config.jax_compilation_cache_dir
    with runs.cached_compilation(tmp_path):
        assert jax.config.jax_compilation_cache_dir == str(tmp_path)
    assert jax.config.jax_compilation_cache_dir == before


def test_the_default_folder_is_in_the_users_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with runs.cached_compilation():
        folder = jax.config.jax_compilation_cache_dir
    assert folder.startswith(str(tmp_path / "lec7" / f"jax-{jax.__version__}-"))
