"""The address towards the coordinator is the one that its network knows."""

import pytest

from lec7.hosts import address


@pytest.mark.parametrize("place", ["127.0.0.1:1234", "localhost:1234"])
def test_towards_this_machine_it_is_the_loopback(place):
    assert address.toward(place) == "127.0.0.1"


@pytest.mark.parametrize("place", ["", "nowhere", "no.such.host.invalid:1", "1.2.3.4:"])
def test_towards_nowhere_there_is_none(place):
    assert address.toward(place) == ""


def test_a_coordinator_on_the_loopback_leaves_the_choice_to_jax(monkeypatch):
    from jax.extend import backend

    def register(*given, **named):
        raise AssertionError("the collectives were led")

    monkeypatch.setattr(backend, "register_backend_factory", register)
    address.lead_collectives("localhost:1234")


def test_elsewhere_they_listen_at_the_address_towards_the_coordinator(monkeypatch):
    from jax.extend import backend

    named = []
    monkeypatch.setattr(
        backend, "register_backend_factory", lambda name, *_, **__: named.append(name)
    )
    monkeypatch.setattr(address, "toward", lambda place: "10.77.0.2")
    address.lead_collectives("10.77.0.1:1234")
    assert named == ["cpu"]
