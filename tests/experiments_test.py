"""Every experiment runs, small, from the command line to its report."""

import dataclasses
import json
import pathlib

import jax
import numpy as np
import pytest

import launch
from lec7 import data, models, report, runs
from lec7.models import convnet, resnet
from lec7.report import animations, figures, slides

DRAWN = ("rotated_ellipse", "sharp_vs_flat", "stationary_points")
"""Experiments whose figures are files; those of others are laid out alone."""

BY_NAME = (
    "edge_of_stability",
    "ensembles",
    "more_data",
    "published_accuracy",
    "regularizers",
    "sharp_vs_flat",
    "sharpness_and_gap",
    "sharpness_aware",
)
"""Experiments that a network by name makes more than a training of."""

ROOT = pathlib.Path(__file__).parent.parent
EXPERIMENTS = ROOT / "experiments"
NAMES = runs.names(EXPERIMENTS)


@pytest.fixture(scope="session")
def records(tmp_path_factory):
    """A data folder of the session's own."""
    return tmp_path_factory.mktemp("records")


@pytest.fixture(autouse=True)
def own_folders(records, tmp_path, monkeypatch):
    """Keep a run's data and folders away from the user's."""
    monkeypatch.setenv("LEC7_DATA_DIR", str(records))
    monkeypatch.setenv("LEC7_ZOO_DIR", str(tmp_path / "zoo"))
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path / "programs"))
    monkeypatch.chdir(tmp_path)


def words(settings):
    """Return settings as the words of a command line."""
    for name, value in settings.items():
        values = value if isinstance(value, tuple) else (value,)
        yield f"--config.{name}={values[0]}"
        yield from map(str, values[1:])


def small(name):
    """Return the settings with which an experiment runs in seconds."""
    return runs.load(EXPERIMENTS, name).SMALL


def lay_out(figure):
    """Draw a figure, which may raise, into no file."""
    figures.style.in_house_look(figure.draw_without_rendering)()
    return figures.Pictures(png=b"no picture", svg=b"no picture")


@pytest.mark.parametrize("name", NAMES)
def test_an_experiment_ends_with_claims_figures_and_a_page(
    name, tmp_path, capsys, monkeypatch
):
    if name not in DRAWN:
        monkeypatch.setattr(figures, "encode", lay_out)
        monkeypatch.setattr(slides, "write_slide", lambda *_: None)
        monkeypatch.setattr(
            animations, "choose_steps", lambda last, frames: np.unique([0, last])
        )
    folder = tmp_path / "run"
    arguments = [f"--experiment={name}", f"--workdir={folder}", *words(small(name))]
    assert launch.main(["launch.py", *arguments]) == 0
    assert f"its report is {folder / 'report.html'}" in capsys.readouterr().out

    record = json.loads((folder / "run.json").read_text())
    assert record["status"] == "finished"
    claims = report.read_claims(folder / "claims.json")
    assert len({claim.id for claim in claims}) == len(claims) > 0
    page = (folder / "report.html").read_text()
    for claim in claims:
        assert claim.statement in page
        if claim.figure is None:  # as of a number that follows from others
            continue
        for suffix in (".png", ".svg", ".npz"):
            assert (folder / "figures" / claim.figure).with_suffix(suffix).is_file()

    before = (folder / "report.html").stat().st_mtime_ns
    assert launch.main(["launch.py", *arguments]) == 0
    assert (folder / "report.html").stat().st_mtime_ns == before


def run_of(name, settings, folder):
    """Run an experiment, and return the exit code of its command."""
    return launch.main(
        ["launch.py", f"--experiment={name}", f"--workdir={folder}", *words(settings)]
    )


def on_mnist1d(name):
    """Return the small settings on sequences; None where there are no data."""
    config, settings = runs.load(EXPERIMENTS, name).Config(), small(name)
    fields = [
        of
        for of in ("dataset", "source", "target")
        if isinstance(getattr(config, of, None), str | tuple)
    ]
    chosen = {
        of: ("mnist1d",) if isinstance(getattr(config, of), tuple) else "mnist1d"
        for of in fields
    }
    return settings | chosen if fields else None


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_an_experiment_with_data_takes_sequences(name, tmp_path):
    settings = on_mnist1d(name)
    if settings is None:
        pytest.skip("it has no data")
    assert run_of(name, settings, tmp_path / "run") == 0
    assert (tmp_path / "run" / "report.html").is_file()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "tiny"), [("convnet", convnet.tiny), ("resnet20", resnet.tiny)]
)
@pytest.mark.parametrize("name", BY_NAME)
def test_an_experiment_takes_a_network_by_name(
    name, model, tiny, tmp_path, monkeypatch
):
    monkeypatch.setitem(models.ARCHITECTURES, model, tiny)
    settings = on_mnist1d(name) | {"model": model}
    if name == "regularizers":
        settings |= {"regularisers": ("L2",)}
    assert run_of(name, settings, tmp_path / "run") == 0
    assert (tmp_path / "run" / "report.html").is_file()


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("sharpness_and_gap", {"model": "resnet20", "dropouts": (0.0, 0.5)}, "dropout"),
        ("batch_size", {"model": "resnet20"}, "batch_norm"),
        (
            "regularizers",
            {"model": "resnet20", "regularisers": ("dropout",)},
            "regularisers has dropout",
        ),
        (
            "decay",
            {"model": "convnet", "dataset": ("tiny",)},
            "tiny: images of 2x2 pix",
        ),
    ],
)
def test_what_an_experiment_cannot_do_with_a_network_is_one_message(
    name, settings, message, tmp_path, capsys, monkeypatch
):
    split = data.Split(np.zeros((32, 2, 2, 1), np.float32), np.arange(32) % 2)
    tiny = data.Dataset("tiny", 2, split, split, split)
    load = data.load
    monkeypatch.setattr(
        data, "load", lambda name: tiny if name == "tiny" else load(name)
    )
    assert run_of(name, small(name) | settings, tmp_path / "run") == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("name", NAMES)
def test_an_experiment_says_what_it_asks_and_explains_every_field(name):
    experiment = runs.load(EXPERIMENTS, name)
    for title in ("Run:", "Expected:", "Source:", "Data:"):
        assert f"\n{title}" in experiment.__doc__
    assert f"--experiment={name}" in experiment.__doc__
    line = runs.headline(EXPERIMENTS, name)
    assert line.question.endswith("?")
    assert line.minutes
    assert line.data
    for field in runs.fields(experiment.Config):
        assert field.comment, f"{name}.{field.name} has no comment"


@pytest.mark.slow
def test_the_number_of_devices_changes_neither_claims_nor_parameters(tmp_path):
    experiment = runs.load(EXPERIMENTS, "sharp_vs_flat")
    settings = small("sharp_vs_flat") | {"batch_norm": True, "stop_loss": 1e-6}
    config = dataclasses.replace(experiment.Config(), **settings)
    found, states = [], []
    for count in (1, 4):
        folder = tmp_path / f"{count}"
        context = runs.Context(folder, tuple(jax.devices()[:count]), report.Progress())
        measured = experiment.run(config, context)
        found.append(experiment.analyse(config, measured).claims)
        states.append(saved_states(folder))
    for one, four in zip(*found, strict=True):
        assert (one.id, one.verdict) == (four.id, four.verdict)
        np.testing.assert_allclose(one.effect, four.effect, rtol=2e-2)
    for one, four in zip(*states, strict=True):
        np.testing.assert_allclose(one, four, rtol=1e-3, atol=1e-4)


def saved_states(folder):
    """Return every floating-point array of the last checkpoints."""
    from flax import serialization

    paths = sorted((folder / "checkpoints").glob("*/00000064/state.msgpack"))
    assert len(paths) == 2
    trees = [serialization.msgpack_restore(path.read_bytes()) for path in paths]
    leaves = jax.tree.leaves(trees)
    return [leaf for leaf in leaves if np.issubdtype(leaf.dtype, np.floating)]


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"seeds": (0,)}, "seeds"),
        ({"seeds": (0, 0)}, "seeds"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0; expected more than 0"),
        ({"small_batch": 0}, "small_batch is 0; expected at least 1"),
        ({"large_batch": 8}, "large_batch is 8; expected more than small_batch"),
        ({"resolution": 2}, "resolution is 2; expected between 3 and 2,000"),
    ],
)
def test_a_configuration_out_of_range_is_refused(setting, message):
    experiment = runs.load(EXPERIMENTS, "sharp_vs_flat")
    with pytest.raises(ValueError, match=message):
        experiment.Config(**setting)


def test_a_batch_that_the_devices_cannot_share_is_refused_before_anything(tmp_path):
    experiment = runs.load(EXPERIMENTS, "sharp_vs_flat")
    context = runs.Context(tmp_path / "run", tuple(jax.devices()), report.Progress())
    with pytest.raises(runs.UsageError, match="small_batch=18: expected a multiple"):
        experiment.run(experiment.Config(small_batch=18), context)
    assert not (tmp_path / "run").exists()
