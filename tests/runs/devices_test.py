import json
import subprocess
import types

import jax
import pytest

from lec7 import runs


def accelerators(monkeypatch, count, platform):
    devices = [types.SimpleNamespace(platform=platform, id=i) for i in range(count)]
    monkeypatch.setattr(jax, "local_devices", lambda: devices)
    return tuple(devices)


def test_without_a_number_all_accelerators_are_used(monkeypatch):
    devices = accelerators(monkeypatch, 3, "gpu")
    assert runs.select_devices(None) == devices


def test_without_a_number_one_cpu_device_is_used(monkeypatch):
    devices = accelerators(monkeypatch, 4, "cpu")
    assert runs.select_devices(None) == devices[:1]


@pytest.mark.parametrize("count", [1, 3])
def test_the_first_devices_are_used(monkeypatch, count):
    devices = accelerators(monkeypatch, 3, "gpu")
    assert runs.select_devices(count) == devices[:count]


def test_more_devices_than_there_are_is_wrong_use(monkeypatch):
    accelerators(monkeypatch, 3, "gpu")
    with pytest.raises(runs.UsageError, match="--devices=4: expected at most 3"):
        runs.select_devices(4)


def test_the_environment_of_a_run_can_be_written_as_json(tmp_path):
    devices = jax.devices()[:2]
    found = json.loads(json.dumps(runs.environment(devices, tmp_path)))
    assert found["platform"] == "cpu"
    assert found["devices"] == [str(device) for device in devices]
    assert found["versions"]["jax"] == jax.__version__
    assert set(found["versions"]) >= {"python", "jaxlib", "flax", "optax", "numpy"}
    assert found["processor"]
    assert found["git"] is None


def test_the_state_of_the_checkout_is_its_commit_and_whether_it_is_changed(tmp_path):
    def git(*words):
        settings = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
        command = ["git", *settings, *words]
        answer = subprocess.run(
            command, cwd=tmp_path, check=True, capture_output=True, text=True
        )
        return answer.stdout.strip()

    def state():
        return runs.environment(jax.devices()[:1], tmp_path)["git"]

    git("init")
    (tmp_path / "file").write_text("one")
    git("add", "file")
    git("commit", "-m", "one")
    git("tag", "v1")
    commit = git("rev-parse", "HEAD")
    assert state() == {"commit": commit, "dirty": False}
    (tmp_path / "file").write_text("two")
    assert state() == {"commit": commit, "dirty": True}
