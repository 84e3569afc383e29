"""Which trials one process runs."""

import dataclasses
import json
import pathlib

import pytest

from lec7.sweeps import grouping, planning

HERE = pathlib.Path(__file__).parent


@pytest.fixture(scope="module")
def experiments(tmp_path_factory):
    folder = tmp_path_factory.mktemp("experiments")
    source = (HERE / "walk.py").read_text()
    (folder / "walk.py").write_text(f"import jax_that_is_not_there\n{source}")
    (folder / "alone.py").write_text(source.replace("MEMBERS", "OTHER"))
    return folder


def numbers(tasks):
    return [[trial.number for trial in task.trials] for task in tasks]


def tasks(experiments, text, root=pathlib.Path("root"), name="walk", **options):
    given = {"base": {"noise": ["0.2"]}, "members": 64} | options
    plan = planning.plan(experiments, name, text, **given)
    fields = grouping.members(experiments, name)
    return plan, grouping.tasks(root, plan, fields, ["launch.py"])


def test_trials_that_differ_in_the_declared_fields_alone_are_one_process(experiments):
    plan, found = tasks(experiments, "rate=0.1,0.2;steps=5,9;seeds=10")
    assert numbers(found) == [[0, 2], [1, 3]]
    assert found[0].words == [
        *("launch.py", "--experiment=walk", "--together=root/groups/0000.json"),
        "--workdir=root/groups/0000",
    ]
    assert sum(plan.networks) == 40


def test_no_more_networks_are_together_than_allowed(experiments):
    _, found = tasks(experiments, "rate=lin(0.1,0.7,7);seeds=10", members=30)
    assert numbers(found) == [[0, 1, 2], [3, 4, 5], [6]]
    _, found = tasks(experiments, "rate=0.1,0.2;seeds=10", members=5)
    assert numbers(found) == [[0], [1]]


def test_a_trial_alone_is_an_ordinary_run(experiments):
    _, found = tasks(experiments, "rate=0.1,0.2;seeds=2", members=1)
    assert found[1].words == [
        *("launch.py", "--experiment=walk", "--config.noise", "0.2"),
        *("--config.rate=0.2", "--config.seeds", "0", "1"),
        "--workdir=root/trials/00001",
    ]


def test_without_a_declaration_every_trial_is_alone(experiments):
    _, found = tasks(experiments, "rate=0.1,0.2", name="alone")
    assert numbers(found) == [[0], [1]]


def test_trials_that_extend_a_sweep_leave_its_groups_as_they_are(experiments):
    options = {"members": 12}
    _, few = tasks(experiments, "rate=log(0.1,1)", trials=5, **options)
    plan, _ = tasks(experiments, "rate=log(0.1,1)", trials=9, **options)
    grown = plan._replace(sweep=dataclasses.replace(plan.sweep, trials=[5, 9]))
    found = grouping.tasks(pathlib.Path("root"), grown, ("rate",), ["launch.py"])
    assert found[: len(few)] == few
    assert numbers(found) == [[0, 1, 2, 3], [4], [5, 6, 7, 8]]


def test_a_group_s_file_has_words_and_folder_of_each_trial(experiments, tmp_path):
    plan, (task,) = tasks(experiments, "rate=0.1,0.2", root=tmp_path)
    grouping.write(tmp_path, plan.sweep, task)
    held = json.loads((tmp_path / "groups" / "0000.json").read_text())
    assert held["trials"][1] == {
        "words": ["--config.noise", "0.2", "--config.rate=0.2"],
        "folder": str(tmp_path / "trials" / "00001"),
    }
