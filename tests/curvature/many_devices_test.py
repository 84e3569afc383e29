"""What several devices, or several hosts, measure is what one device measures."""

import functools

import jax
import numpy as np
import pytest

from lec7 import curvature, hosts, sharpness
from tests.curvature import many
from tests.train import hosted


@functools.cache
def alone(case):
    return many.measured(case, jax.devices()[:1])


def require_equal(found, expected):
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, 1e-3, 1e-5, err_msg=name)


@pytest.mark.parametrize("case", ["four", "one"])
def test_devices_do_not_change_what_is_measured(case):
    found = many.measured(case, jax.devices()[:3])
    assert found.keys() == alone(case).keys()
    require_equal(found, alone(case))


def test_a_stream_is_measured_as_its_batches_are():
    found = many.measured("stream", None)
    one = alone("four")
    require_equal(found, {name.replace("four", "stream"): one[name] for name in one})


def test_fewer_batches_than_devices_are_divided_and_none_is_dropped():
    where = (many.loss_fn, many.PARAMS, many.BATCHES["one"])
    op = curvature.hessian(*where, devices=jax.devices())
    sizes = [len(batch[1]) for batch in op.batches]
    assert sizes == [9, 9, 9, 10]
    assert [batch[1].devices() for batch in op.batches] == [
        {device} for device in jax.devices()
    ]


def test_m_sharpness_shuffles_the_examples_of_all_devices():
    where, given = (many.loss_fn, many.PARAMS), {"key": jax.random.key(1)}
    given["measures"] = {"m": functools.partial(sharpness.sam_sharpness, m=8)}
    found = [
        sharpness.report_card(*where, many.BATCHES["four"], devices=devices, **given)
        for devices in (jax.devices()[:1], jax.devices()[:2])
    ]
    assert found[0][0].value == pytest.approx(found[1][0].value, rel=1e-6)
    assert found[1][0].settings["examples"] == 32


def test_m_sharpness_of_a_stream_divides_batch_by_batch():
    where = (many.loss_fn, many.PARAMS, many.BATCHES["stream"])
    found = sharpness.sam_sharpness(*where, key=jax.random.key(1), m=6)
    assert found.settings["examples"] == 36
    with pytest.raises(ValueError, match="m is 13; expected 1 to 12, the examples"):
        sharpness.sam_sharpness(*where, key=jax.random.key(1), m=13)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Name -> array, of each of two processes; the second may write nothing."""
    place = tmp_path_factory.mktemp("hosts")
    for code, told in hosted.ends(hosted.start(["tests.curvature.many", place], 2)):
        assert code == 0, told
    assert (place / "host 0" / "one.slice").is_file()
    assert not (place / "host 1").exists()
    return [dict(np.load(place / f"{index}.npz")) for index in (0, 1)]


@pytest.mark.parametrize("case", many.OVER_HOSTS)
def test_two_hosts_measure_what_one_process_measures(found, case):
    one = alone("one" if case == "one" else "four")
    expected = {f"{case} {name.partition(' ')[2]}": one[name] for name in one}
    require_equal(found[0], expected)


def test_all_hosts_measure_the_same_to_the_bit(found):
    first, second = found
    assert first.keys() == second.keys()
    for name, value in first.items():
        np.testing.assert_array_equal(value, second[name], err_msg=name)


def test_devices_of_hosts_that_have_not_joined_are_refused(monkeypatch):
    monkeypatch.setattr(jax, "process_index", lambda: 1)
    with pytest.raises(ValueError, match=r"of 1 hosts, and 2 have.*hosts\.devices"):
        monkeypatch.setattr(hosts, "count", lambda: 2)
        where = (many.loss_fn, many.PARAMS, many.BATCHES["one"])
        curvature.hessian(*where, devices=jax.devices())
