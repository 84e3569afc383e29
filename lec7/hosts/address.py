"""At which of its addresses the other hosts reach this one.

JAX's collectives on the CPU listen at the address of the machine's name. Where that is
127.0.0.1 or 127.0.1.1, as many an /etc/hosts has it, no other host reaches them, and
JAX has no flag or variable for another. So they are made to listen at the address from
which this host reaches the coordinator.
"""

import contextlib
import ipaddress
import socket


def toward(place: str) -> str:
    """Return the address from which this host reaches HOST:PORT; nothing is sent.

    Returns:
      The address, empty where there is no way.

    Example:
      >>> toward("127.0.0.1:1234")
      '127.0.0.1'
    """
    with contextlib.suppress(OSError, ValueError):
        port = int(place.rpartition(":")[2])
        found = socket.getaddrinfo(host(place), port, type=socket.SOCK_DGRAM)
        for family, kind, _, _, end in found:
            with contextlib.suppress(OSError), socket.socket(family, kind) as probe:
                probe.connect(end)
                return probe.getsockname()[0]
    return ""


def host(place: str) -> str:
    """Return the HOST of HOST:PORT.

    Example:
      >>> host("10.0.0.1:1234"), host("[::1]:1234")
      ('10.0.0.1', '::1')
    """
    return place.rpartition(":")[0].strip("[]")


def coordinator() -> str:
    """Return HOST:PORT of the coordinator that JAX has found, or an empty text."""
    with contextlib.suppress(ImportError, AttributeError):  # it is not public
        from jax._src import distributed

        return distributed.global_state.coordinator_address or ""
    return ""


def lead_collectives(place: str) -> None:
    """Make JAX's collectives on the CPU listen at the address towards the coordinator.

    A coordinator on the loopback says nothing of how others reach this host, and leaves
    the choice to JAX, as does a version of JAX without what is called here, part of
    which is not public.

    Args:
      place: HOST:PORT of the coordinator.
    """
    import jax
    from jax.extend import backend

    own = toward(place)
    is_loopback = not own or ipaddress.ip_address(own.partition("%")[0]).is_loopback
    if is_loopback or jax.config.jax_cpu_collectives_implementation != "gloo":
        return
    with contextlib.suppress(ImportError, AttributeError):
        from jax._src import distributed, xla_bridge
        from jax._src.lib import _jax

        listen, make = _jax.make_gloo_tcp_collectives, xla_bridge.make_cpu_client

        def client():
            joined = distributed.global_state.client
            return make(listen(distributed_client=joined, hostname=own))

        backend.register_backend_factory("cpu", client, priority=0, fail_quietly=False)
