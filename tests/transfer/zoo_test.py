"""A network of the zoo is what was written, to the bit, or is refused."""

import dataclasses
import hashlib
import json
import subprocess

import chex
import jax.numpy as jnp
import numpy as np
import pytest

from lec7 import files, train, transfer

CARD = transfer.Card(
    dataset="digits",
    num_classes=2,
    image_shape=[8, 8, 1],
    mean=[0.25],
    std=[0.5],
    architecture="MLP",
    fields={"widths": [3]},
    seeds=[0, 1],
    accuracy={"test": [0.5, 0.75]},
    config={"updates": 10},
    commit="unknown",
)


@pytest.fixture(autouse=True)
def zoo(tmp_path, monkeypatch):
    """A zoo of the test's own."""
    monkeypatch.setenv("LEC7_ZOO_DIR", str(tmp_path))
    return tmp_path


def network(scale=1.0):
    kernel = np.float32(scale) * np.arange(6, dtype=np.float32).reshape(2, 3)
    params = {"head": {"kernel": kernel, "bias": np.ones((2, 3), np.float16)}}
    return transfer.Network({"params": params, "batch_stats": {}}, CARD)


def test_a_network_comes_back_by_name(zoo):
    folder = transfer.save_network("small", network())
    assert folder == zoo / "small"
    found = transfer.load_network("small")
    chex.assert_trees_all_equal(found.variables, network().variables)
    chex.assert_trees_all_equal_dtypes(found.variables, network().variables)
    assert found.card == CARD


def test_the_zoo_is_in_the_cache_folder_unless_told(monkeypatch):
    monkeypatch.delenv("LEC7_ZOO_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert str(transfer.network_folder("small")) == "/cache/lec7/zoo/small"


def test_the_sums_are_those_of_sha256sum():
    folder = transfer.save_network("small", network())
    command = ["sha256sum", "--check", "--quiet", "SHA256SUMS"]
    subprocess.run(command, cwd=folder, check=True)


def test_a_network_takes_the_place_of_one_of_its_name(zoo):
    (zoo / ".small.unfinished").mkdir()
    transfer.save_network("small", network(1.0))
    transfer.save_network("small", network(2.0))
    found = transfer.load_network("small")
    chex.assert_trees_all_equal(found.variables, network(2.0).variables)
    assert [path.name for path in zoo.iterdir()] == ["small"]


def test_a_kill_between_two_renames_loses_no_network(zoo):
    transfer.save_network("small", network(1.0)).rename(zoo / ".small.replaced")
    found = transfer.load_network("small")
    chex.assert_trees_all_equal(found.variables, network(1.0).variables)


NAMES = ["", ".", "..", "../small", "a/../..", "/tmp/small", "~", ".small", "a\nb"]
NAMES += ["small/", "./small", "a\\b", "a\0b", "-rf", "x" * 101, "small ", "small."]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_leads_elsewhere_is_refused(name, zoo):
    (zoo.parent / "thesis.tex").touch()
    for use in (lambda: transfer.save_network(name, network()),
                lambda: transfer.load_network(name)):  # fmt: skip
        with pytest.raises(ValueError, match="expected one plain name"):
            use()
    assert list(zoo.iterdir()) == []
    assert (zoo.parent / "thesis.tex").exists()


@pytest.mark.parametrize("files", [["thesis.tex"], ["card.json"], ["SHA256SUMS"]])
def test_a_folder_that_is_not_of_the_zoo_is_left_as_it_is(files, zoo):
    (zoo / "mine").mkdir()
    for file in files:
        (zoo / "mine" / file).write_text("mine")
    with pytest.raises(train.CheckpointError, match="not a network of the zoo"):
        transfer.save_network("mine", network())
    assert [(zoo / "mine" / file).read_text() for file in files] == ["mine"]


def test_a_link_and_a_file_are_left_as_they_are(zoo, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (zoo / "link").symlink_to(elsewhere)
    (zoo / "file").write_text("mine")
    for name in ("link", "file"):
        with pytest.raises(train.CheckpointError, match="not a network of the zoo"):
            transfer.save_network(name, network())
    assert elsewhere.is_dir() and (zoo / "file").read_text() == "mine"


def test_what_stands_in_the_way_of_a_leftover_is_left_as_it_is(zoo):
    (zoo / ".small.unfinished").mkdir()
    (zoo / ".small.unfinished" / "thesis.tex").touch()
    with pytest.raises(files.NotOursError, match="which lec7 did not write"):
        transfer.save_network("small", network())
    assert (zoo / ".small.unfinished" / "thesis.tex").exists()


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-1])


def empty(path):
    path.write_bytes(b"")


@pytest.mark.parametrize("harm", [flip_a_bit, cut_short, empty])
@pytest.mark.parametrize("file", ["card.json", "weights.msgpack"])
def test_a_damaged_file_is_named_with_the_remedy(file, harm):
    harm(transfer.save_network("small", network()) / file)
    message = f"small/{file} is damaged: its SHA-256 .*pretrain$"
    with pytest.raises(train.CheckpointError, match=message) as caught:
        transfer.load_network("small")
    assert caught.value.exit_code == 4


@pytest.mark.parametrize("file", ["card.json", "weights.msgpack", "SHA256SUMS"])
def test_a_missing_file_is_named_with_the_remedy(file):
    (transfer.save_network("small", network()) / file).unlink()
    with pytest.raises(
        train.CheckpointError, match=f"small/{file} is missing.*pretrain"
    ):
        transfer.load_network("small")


def test_a_network_that_is_not_there_is_refused_with_the_nearest(zoo):
    with pytest.raises(
        train.CheckpointError, match=f"'x' in {zoo}, where there is none"
    ):
        transfer.load_network("x")
    transfer.save_network("letters", network())
    with pytest.raises(train.CheckpointError, match="there are letters: train it by"):
        transfer.load_network("leters")


@pytest.mark.parametrize("dtype", [np.float16, np.float32, jnp.bfloat16])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_network_that_has_exploded_is_not_written(zoo, bad, dtype):
    params = {"kernel": np.array([[0.0, 1.0], [0.0, bad]]).astype(dtype)}
    exploded = transfer.Network({"params": params, "batch_stats": {}}, CARD)
    with pytest.raises(train.DivergedError, match="its weights are not finite"):
        transfer.save_network("small", exploded)
    assert not list(zoo.iterdir())


def test_a_network_whose_accuracy_is_no_number_is_not_written(zoo):
    card = dataclasses.replace(CARD, accuracy={"test": [0.5, float("nan")]})
    with pytest.raises(train.DivergedError, match="its accuracy on test is not finite"):
        transfer.save_network("small", network()._replace(card=card))
    assert not list(zoo.iterdir())


def test_a_card_of_another_version_is_said():
    folder = transfer.save_network("small", network())
    card = json.loads((folder / "card.json").read_text()) | {"licence": "new"}
    content = json.dumps(card).encode()
    (folder / "card.json").write_bytes(content)
    sums = (folder / "SHA256SUMS").read_text().splitlines()
    sums[0] = f"{hashlib.sha256(content).hexdigest()}  card.json"
    (folder / "SHA256SUMS").write_text("\n".join(sums))
    message = "another version of lec7: it has licence besides, .* Read it by the vers"
    with pytest.raises(train.CheckpointError, match=message):
        transfer.load_network("small")


@pytest.mark.parametrize("file", ["card.json", "weights.msgpack", "SHA256SUMS"])
def test_a_folder_where_a_file_of_the_zoo_belongs_is_one_message(file):
    folder = transfer.save_network("small", network())
    (folder / file).unlink()
    (folder / file).mkdir()
    with pytest.raises(train.CheckpointError, match=f"{file} is missing, or no file"):
        transfer.load_network("small")
