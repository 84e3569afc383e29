"""Which eigenvalues stand out, what of a gradient is in the top space, all values."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import outliers, outliers_density, outliers_top
from lec7 import curvature, data, losses, models, runs, train

CONFIG = dataclasses.replace(outliers.Config(), **outliers.SMALL)


@pytest.mark.parametrize("count", [1, 3, 9])
def test_known_outliers_of_a_random_matrix_are_counted(count):
    rng, size = np.random.default_rng(count), 200
    noise = rng.normal(size=(size, 2 * size)) / np.sqrt(2 * size)
    planted = np.linalg.qr(rng.normal(size=(size, count)))[0]
    strengths = np.geomspace(6, 30, count)  # the bulk of the noise ends at 2.9
    matrix = noise @ noise.T + (planted * strengths) @ planted.T
    largest = np.linalg.eigvalsh(matrix)[::-1][: 2 * (count + 1) + 5]
    assert outliers_top.stand_out(largest) == count


def test_the_bulk_below_zero_is_no_outlier_and_scale_does_not_matter():
    values = np.array([5.0, 4.0, 0.5, 0.4, 1e-9, -1e-3])
    assert outliers_top.stand_out(values[:4]) == 2
    assert outliers_top.stand_out(1e-4 * values[:4]) == 2
    assert outliers_top.stand_out(np.array([5.0, 4.0, 0.004, 0.0, -1.0])) == 2


def test_a_wide_gap_among_the_outliers_is_not_the_edge():
    assert outliers_top.stand_out(np.array([30.0, 9.0, 8.0, 3.0, 2.9, 2.6])) == 3


def test_the_share_of_a_gradient_in_the_top_space_of_a_quadratic():
    scales = jnp.array([9.0, 8.0, 7.0, 0.3, 0.2, 0.1])

    def loss_fn(params, batch):
        return jnp.mean(batch.images @ (scales * params**2)) / 2

    split = data.Split(
        np.ones((4, 1), np.float32) * np.ones(6, np.float32), np.arange(4) % 3
    )
    start = jnp.array([1.0, 0.0, 2.0, 10.0, 0.0, 0.0])  # gradient 9, 0, 14, 3, 0, 0
    before = jnp.eye(6)[1:4]  # the second and third of the top, and one other
    seen, space = outliers_top.look(
        loss_fn, start, data.Dataset("quadratic", 3, split), 0, before
    )
    np.testing.assert_allclose(seen.values, scales, rtol=1e-4)
    assert outliers_top.stand_out(seen.values) == 3
    assert seen.share == pytest.approx((81 + 196) / (81 + 196 + 9), rel=1e-3)
    assert seen.less == pytest.approx(81 / (81 + 196 + 9), rel=1e-2)
    assert seen.kept == pytest.approx(2 / 3, rel=1e-3)
    assert outliers_top.shared(space, space) == pytest.approx(1, rel=1e-5)


@pytest.mark.parametrize("images", [5, 40])
def test_all_eigenvalues_are_those_of_the_whole_hessian(images):
    rng = np.random.default_rng(0)
    pixels = rng.random((images, 4, 3, 1)).astype(np.float32)
    pixels[:, 0] = 0  # dead in all images
    split = data.Split(pixels, rng.integers(0, 3, images))
    model = models.MLP(num_classes=3, widths=(4,))
    params = models.initialise(model, jax.random.key(1), (4, 3, 1))["params"]
    metrics = train.batch_metrics(model, losses.cross_entropy)

    def loss_fn(params, batch):
        return metrics({"params": params}, batch)["loss"]

    whole = curvature.hessian(loss_fn, params, [split]).to_dense()
    values = outliers_density.all_eigenvalues(loss_fn, params, split)
    assert values.shape == (12 * 4 + 4 + 4 * 3 + 3,)
    np.testing.assert_allclose(values, np.linalg.eigvalsh(whole), atol=2e-6)
    assert np.count_nonzero(values == 0) >= 4 * (12 - min(images, 9))


def test_equal_densities_are_no_distance_apart_and_shifted_ones_are():
    grid, values = np.linspace(-1, 2, 3001), np.array([0.0, 0.0, 0.0, 1.0])
    exact = outliers_density.smooth(values, grid, 0.002)
    assert np.trapezoid(exact, grid) == pytest.approx(1)
    nodes = np.array([0.0, 0.9])
    same = outliers_density.Density(values, grid, exact, exact, nodes)
    assert same.tail == same.distance == 0
    moved = outliers_density.smooth(np.array([0.0, 0.0, 0.5, 1.0]), grid, 0.002)
    off = same._replace(lanczos=moved)
    assert off.tail == pytest.approx(1, rel=1e-3)  # 1/4 at 0.5, beside 1/4 at 1
    assert off.distance == pytest.approx(0.25, rel=1e-3)
    assert off.misplaced(1) == pytest.approx(0.1)


def test_only_the_first_classes_are_learnt():
    images = np.arange(6, dtype=np.float32).reshape(6, 1, 1, 1)
    split = data.Split(images, np.array([0, 2, 1, 0, 1, 2]))
    few = outliers.first_classes(data.Dataset("six", 3, split, None, split), 2)
    assert few.num_classes == 2
    assert few.train.images.ravel().tolist() == [0, 2, 3, 4]
    assert few.test.labels.tolist() == [0, 1, 0, 1]


def test_claims_count_outliers_and_follow_the_gradient():
    config = dataclasses.replace(CONFIG, seeds=tuple(range(10)))
    scatter = np.linspace(0, 0.01, 10)

    def looks(ranks, share):
        values = np.array([[1.0] * rank + [0.1, 0.09, 0.08] for rank in ranks])
        values = values * (
            1 + np.arange(values.shape[1])[::-1] * scatter[:, None, None]
        )
        share = np.array(share) * (1 + scatter[:, None])
        return outliers_top.Looks(values, share, share, share, share)

    flat = np.array([0.0, 0.0, 1.0])
    density = outliers_density.Density(flat, flat, flat, flat, flat)
    found = outliers.Findings(
        {"2": looks([1], [0.9]), "3": looks([2, 2, 2], [0.1, 0.7, 0.95])},
        (density, density._replace(lanczos=flat + 1)),
        100,
    )
    told = {claim.id: claim for claim in outliers.analyse(config, found).claims}
    verdicts = {id: claim.verdict for id, claim in told.items() if "density" not in id}
    assert verdicts.pop("count.start") == "contradicted"
    assert set(verdicts.values()) == {"supported"}
    assert told["gradient.rise"].effect == pytest.approx(0.85, rel=0.01)
    assert told["count.gap"].effect > 5


@pytest.mark.parametrize(
    ("field", "value"),
    [("classes", (3,)), ("classes", (1, 2)), ("looks", (0, 8)), ("looks", (4, 8, 12))]
    + [("spectra", 3)],
)
def test_what_cannot_be_measured_is_refused(field, value):
    with pytest.raises(ValueError, match=field):
        dataclasses.replace(CONFIG, **{field: value})


def test_more_classes_than_there_are_is_one_message():
    split = data.Split(np.zeros((2, 1)), np.arange(2))
    with pytest.raises(runs.UsageError, match=r"--config.classes.*at most 2"):
        outliers._require_classes(CONFIG, data.Dataset("two", 2, split))
