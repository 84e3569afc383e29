import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lec7 import files, landscape

ALPHAS, BETAS = np.linspace(-1, 1, 4), np.linspace(0, 1, 3)
BATCHES = [np.linspace(-1, 1, 5)]


def metrics(shift, params, batch):
    loss = jnp.mean(jnp.tanh(batch * params[0] + params[1]) ** 2) + shift
    return {"loss": loss, "positive": jnp.mean(batch > params[1])}


def plane(path, *, shift=0.0, prepare=None, alphas=ALPHAS, batches=BATCHES):
    return landscape.slice_2d(
        jax.tree_util.Partial(metrics, jnp.array(shift)),
        jnp.array([1.0, 0.3]),
        jnp.array([1.0, 0.0]),
        jnp.array([0.5, 1.0]),
        batches,
        alphas=alphas,
        betas=BETAS,
        prepare=prepare,
        path=path,
    )


class Killed(Exception):
    """Stands for the end of the process."""


def killed_after(points):
    """Return a policy that lets so many points through, and the points it has seen."""
    seen = []

    def prepare(point):
        if len(seen) == points:
            raise Killed
        seen.append(point)
        return point

    return prepare, seen


def assert_equal(found, expected):
    jax.tree.map(np.testing.assert_array_equal, found, expected)


@pytest.mark.parametrize("points", [0, 2, 4, 7, 11])
def test_a_killed_slice_goes_on_and_ends_in_the_same_bits(points, tmp_path):
    path, whole = tmp_path / "new" / "plane", plane(None)
    prepare, _ = killed_after(points)
    with pytest.raises(Killed):
        plane(path, prepare=prepare)
    rest, seen = killed_after(100)
    assert_equal(plane(path, prepare=rest), whole)
    # A row is three points, and the first point is always looked at again.
    finished = points // 3 * 3 if points > 3 else 1 if points else 0
    assert len(seen) <= 1 + 12 - finished
    assert {file.name for file in path.parent.glob("*")} <= {"plane"}


def test_a_finished_slice_costs_its_first_point(tmp_path):
    path, (prepare, seen) = tmp_path / "plane", killed_after(100)
    first = plane(path)
    assert_equal(plane(path, prepare=prepare), first)
    assert len(seen) == 1


def test_a_line_goes_on_from_its_last_point(tmp_path):
    def line(path, prepare=None):
        return landscape.slice_1d(
            lambda params, batch: jnp.mean((batch - params) ** 2),
            *(jnp.array(1.0), jnp.array(0.5), BATCHES),
            alphas=ALPHAS,
            prepare=prepare,
            path=path,
        )

    path, (prepare, _) = tmp_path / "line", killed_after(3)
    with pytest.raises(Killed):
        line(path, prepare)
    rest, seen = killed_after(100)
    np.testing.assert_array_equal(line(path, rest), line(None))
    assert len(seen) == 2


@pytest.mark.parametrize(
    "other",
    [
        {"shift": 1.0},
        {"alphas": 2 * ALPHAS},
        {"alphas": ALPHAS[:2]},
        {"batches": [BATCHES[0][::-1]]},
    ],
    ids=["bound array", "coordinates", "fewer coordinates", "examples"],
)
def test_the_file_of_another_slice_is_refused(other, tmp_path):
    path = tmp_path / "plane"
    plane(path)
    with pytest.raises(ValueError, match="plane has the slice of other parameters"):
        plane(path, **other)


def test_the_file_of_another_loss_is_refused(tmp_path):
    path = tmp_path / "plane"
    plane(path)
    with pytest.raises(ValueError, match="another loss, machine or version of JAX"):
        plane(path, prepare=lambda point: point + 1)


def test_whatever_bit_is_flipped_the_file_is_refused(tmp_path):
    path = tmp_path / "plane"
    plane(path)
    payload = path.read_bytes()
    for place in range(0, len(payload), 50):
        damaged = bytearray(payload)
        damaged[place] ^= 1 << (place % 8)
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="plane is damaged, or no slice: delete"):
            plane(path)


@pytest.mark.parametrize("content", [b"", b"PK", b"not a slice at all" * 9])
def test_what_is_no_slice_is_said_to_be_none(content, tmp_path):
    path = tmp_path / "plane"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="plane is damaged, or no slice"):
        plane(path)
    (tmp_path / ".plane.new").write_bytes(b"what a kill left, which nobody reads")
    with pytest.raises(files.DamagedError, match="/plane is damaged, or no slice"):
        landscape.require_whole(tmp_path)


def test_whole_slices_are_found_to_be_whole(tmp_path):
    landscape.require_whole(tmp_path / "none_yet")
    plane(tmp_path / "plane")
    landscape.require_whole(tmp_path)
