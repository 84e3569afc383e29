import jax.numpy as jnp
import numpy as np
import pytest

from lec7 import landscape
from lec7.landscape import trajectory


def as_tree(row, dtype="float64"):
    row = np.asarray(row)
    return {"w": jnp.asarray(row[:6].reshape(2, 3), dtype), "b": jnp.asarray(row[6:])}


def flat(tree):
    return np.concatenate([np.ravel(tree["w"]), np.ravel(tree["b"])])


def planar(steps=7):
    """Return two orthonormal rows [2, 8], coordinates [T, 2] and a point of a plane."""
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.normal(size=(8, 2)))[0].T
    coordinates = rng.normal(size=(steps, 2)) * [5, 1]
    return basis, coordinates - coordinates[-1], rng.normal(size=8)


def snapshots(points):
    return [as_tree(point) for point in points]


def test_a_trajectory_in_a_plane_is_projected_exactly(float64):
    basis, coordinates, end = planar()
    points = coordinates @ basis + end
    found = landscape.pca_directions(snapshots(points))
    np.testing.assert_allclose(found.projection.off_plane, np.zeros(7), atol=1e-13)
    np.testing.assert_allclose(found.explained.sum(), 1, rtol=1e-12)
    np.testing.assert_allclose(flat(found.origin), end, rtol=1e-12)
    again = found.projection.coordinates @ [flat(d) for d in found.directions] + end
    np.testing.assert_allclose(again, points, atol=1e-13)


@pytest.mark.parametrize("centre", ["last", "mean"])
def test_variance_explained_and_distances_are_those_of_the_eigenproblem(
    float64, centre
):
    points = np.random.default_rng(1).normal(size=(9, 8)) * np.arange(1, 9)
    origin = points[-1] if centre == "last" else points.mean(axis=0)
    moved = points - origin
    values, vectors = np.linalg.eigh(moved.T @ moved)
    found = landscape.pca_directions(snapshots(points), 3, centre=centre)
    np.testing.assert_allclose(
        found.explained, values[::-1][:3] / values.sum(), rtol=1e-10
    )
    top = vectors[:, ::-1][:, :3]
    rest = moved - moved @ top @ top.T
    np.testing.assert_allclose(
        found.projection.off_plane, np.linalg.norm(rest, axis=1), rtol=1e-8, atol=1e-12
    )
    directions = np.array([flat(d) for d in found.directions])
    np.testing.assert_allclose(np.abs(directions @ top), np.eye(3), atol=1e-8)


def test_the_sign_of_a_direction_is_settled_by_the_snapshots(float64):
    points = np.random.default_rng(1).normal(size=(9, 8))
    coordinates = landscape.pca_directions(snapshots(points)).projection.coordinates
    for column in coordinates.T:
        assert column[np.argmax(np.abs(column))] > 0


def test_a_projection_on_slanted_directions_is_the_nearest_point(float64):
    rng = np.random.default_rng(2)
    origin, x, y, point = rng.normal(size=(4, 8))
    seen = landscape.project(
        [as_tree(point)], as_tree(origin), [as_tree(x), as_tree(y)]
    )
    rest = point - origin - seen.coordinates[0] @ [x, y]
    np.testing.assert_allclose([rest @ x, rest @ y], [0, 0], atol=1e-12)
    np.testing.assert_allclose(seen.off_plane, [np.linalg.norm(rest)])


def test_off_plane_losses_compare_a_snapshot_with_its_shadow(float64):
    def loss_fn(params, batch):
        return jnp.mean(batch) * (jnp.sum(params["w"] ** 2) + jnp.sum(params["b"] ** 2))

    basis, coordinates, _ = planar()
    outside = np.linalg.svd(basis)[2][-1]
    points = coordinates @ basis + np.linspace(1, 0, 7)[:, None] * outside
    there, shown = landscape.off_plane_losses(
        loss_fn,
        snapshots(points),
        as_tree(np.zeros(8)),
        [as_tree(row) for row in basis],
        [np.ones(3)],
    )
    np.testing.assert_allclose(shown, np.sum(coordinates**2, axis=1), atol=1e-12)
    np.testing.assert_allclose(there - shown, np.linspace(1, 0, 7) ** 2, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_directions_are_orthonormal_whatever_the_snapshots_are(dtype):
    trees = [{"w": jnp.asarray(row, dtype)} for row in np.eye(5)]
    found = landscape.pca_directions(trees, 3, centre="mean")
    rows = np.stack([direction["w"] for direction in found.directions])
    assert {found.origin["w"].dtype, rows.dtype} == {jnp.dtype("float32")}
    np.testing.assert_allclose(rows @ rows.T, np.eye(3), atol=1e-6)


def test_a_snapshot_that_is_not_finite_is_named():
    with pytest.raises(
        ValueError, match="snapshot 1 has 2 entries that are not finite"
    ):
        landscape.pca_directions([np.ones(2), np.full(2, np.nan), np.zeros(2)], 1)


def test_a_plane_needs_two_directions_and_a_known_centre():
    still = [np.zeros(3), np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 6.0])]
    with pytest.raises(ValueError, match="expected 1 to 1, the directions that 3 snap"):
        landscape.pca_directions(still)
    with pytest.raises(
        ValueError, match="centre is 'first'; expected one of last, mean"
    ):
        landscape.pca_directions(still, centre="first")
    with pytest.raises(ValueError, match="snapshot 1 has shape .*; expected"):
        landscape.pca_directions([np.zeros(3), np.zeros(2)])


def test_a_long_trajectory_of_a_large_network_is_never_a_matrix(monkeypatch):
    rng = np.random.default_rng(3)
    path = np.cumsum(rng.normal(size=(5, 40)), axis=0).astype(np.float32)
    trees = [{"a": row[:30].reshape(5, 6), "b": row[30:]} for row in path]
    whole = landscape.pca_directions(trees, 3, centre="mean")
    monkeypatch.setattr(trajectory, "_BLOCK", 7)
    parts = landscape.pca_directions(trees, 3, centre="mean")
    moved = np.float64(path) - np.float64(path).mean(axis=0)
    left, lengths, _ = np.linalg.svd(moved, full_matrices=False)
    for found in (whole, parts):
        coordinates = found.projection.coordinates
        signs = np.sign(left[np.argmax(abs(left[:, :3]), axis=0), range(3)])
        expected = left[:, :3] * lengths[:3] * signs
        np.testing.assert_allclose(coordinates, expected, rtol=1e-5, atol=1e-5)
        shares = lengths[:3] ** 2 / np.sum(lengths**2)
        np.testing.assert_allclose(found.explained, shares, rtol=1e-12)
