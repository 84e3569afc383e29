"""Resumes that are wrong on purpose, which the tests of faults must notice.

Each changes trainings that go on from a checkpoint, and no other.
"""

import jax

from lec7.data import batches
from lec7.train import feed, loop, shares

_resumed = [False]  # whether the present training goes on from a checkpoint


def _changed(change):
    """Return a breakage that changes the state that a training goes on from."""

    def install():
        resume = loop._Keeper.resume

        def wrong(keeper, start):
            carried = resume(keeper, start)
            if int(carried.steps):
                carried = carried._replace(state=change(carried.state, start.state))
            return carried

        loop._Keeper.resume = wrong

    return install


def _where_resumed(module, name, wrong):
    """Return a breakage that puts another function in the place of one."""

    def install():
        right, resume = getattr(module, name), loop._Keeper.resume

        def noted(keeper, start):
            carried = resume(keeper, start)
            _resumed[0] = int(carried.steps) > 0
            return carried

        def either(*given, **named):
            return (wrong(right) if _resumed[0] else right)(*given, **named)

        loop._Keeper.resume = noted
        setattr(module, name, either)

    return install


def _later(dispatch):
    def wrong(advance, given, state, steps, devices):
        steps = range(steps.start + 1, steps.stop + 1)
        return dispatch(advance, given, state, steps, devices)

    return wrong


def _another_key(state, start):
    del start
    return state.replace(
        key=jax.vmap(lambda key: jax.random.fold_in(key, 1))(state.key)
    )


BREAKAGES = {
    "optimiser state dropped": _changed(
        lambda state, start: state.replace(opt_state=start.opt_state)
    ),
    "one step off": _where_resumed(feed, "dispatch", _later),
    "wrong seed of the batches": _where_resumed(
        batches, "batch_indices", lambda right: lambda seed, *a, **b: right(9, *a, **b)
    ),
    "batch statistics dropped": _changed(
        lambda state, start: state.replace(batch_stats=start.batch_stats)
    ),
    "wrong seed of the noise": _changed(_another_key),
    "one host's shard repeated": _where_resumed(
        shares, "of", lambda right: lambda given: _as_first(right(given))
    ),
}
OF_ONE_PROCESS = tuple(BREAKAGES)[:-1]


def _as_first(share):
    return FirstShare(share.devices, share.mine, share.parts)


class FirstShare(shares.Share):
    """A share with the rows of the first host."""

    part = 0
