import numpy as np

from experiments import conditioning_noise

BOTH = ("SGD", "momentum")


def found(*, floor, straight=(0.1, 0.9), lost=(2.0, 1.0)):
    """Findings on six shells whose numbers are the same but for a little."""
    generator = np.random.default_rng(0)

    def spread(value):
        return value * generator.uniform(0.98, 1.02, 6)

    floor = dict(zip((*BOTH, conditioning_noise.SLOW), floor, strict=True))
    lost = dict(zip(("momentum", "Nesterov"), lost, strict=True))
    return conditioning_noise.Noise(
        exact=spread(10),
        noisy=spread(10),
        straightness={n: spread(v) for n, v in zip(BOTH, straight, strict=True)},
        floor={name: spread(value) for name, value in floor.items()},
        wrong={
            name: np.tile(spread(value)[:, None], 5) for name, value in lost.items()
        },
        pictured=None,
    )


def verdicts(**changes):
    claims = conditioning_noise.claims(found(**changes))
    return {claim.id: claim.verdict for claim in claims}


def test_verdicts_on_noise_follow_the_numbers():
    decided = verdicts(floor=(1.0, 0.5, 0.5))
    assert set(decided.values()) == {"supported"}
    decided = verdicts(floor=(1.0, 9.0, 2.0), straight=(0.9, 0.1), lost=(1.0, 2.0))
    assert decided.pop("L08.conditioning") == "supported"
    assert set(decided.values()) == {"contradicted"}


def test_losses_are_shares_of_the_one_after_the_first_updates():
    updates, shares = conditioning_noise.shares(np.array([[8.0, 4, 2, 1e-30]]), first=1)
    np.testing.assert_array_equal(updates, [1, 2, 3])
    np.testing.assert_array_equal(shares, [[1, 0.5, conditioning_noise.SHARE]])
