import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lec7 import curvature
from lec7.curvature import lanczos

KEY = jax.random.key(0)
SPECTRA = {  # of one size, so that all share one compilation
    "indefinite": np.linspace(-3, 5, 60),
    "mostly_negative": np.append(np.linspace(-9, -1, 58), [0.5, 1.0]),
    "outliers_over_a_bulk": np.append(np.linspace(-0.1, 0.12, 57), [1.0, 2.0, 4.0]),
    "clustered": np.append(np.linspace(0, 1, 56), 2 + 1e-6 * np.arange(4)),
    "degenerate": np.repeat([-2.0, -1.0, 0.5, 3.0], [4, 26, 26, 4]),
    "low_rank": np.append(np.zeros(57), [-1.0, 1.5, 2.0]),
}
ORDERS = {"LA": lambda x: x, "SA": lambda x: -x, "LM": np.abs}


def symmetric(spectrum, seed=0):
    shape = (len(spectrum), len(spectrum))
    basis = np.linalg.qr(np.random.default_rng(seed).normal(size=shape))[0]
    return (basis * spectrum) @ basis.T


def expected_values(spectrum, k, which):
    wanted = sorted(spectrum, key=ORDERS[which])[-k:]
    return np.array(sorted(wanted, key=abs if which == "LM" else None)[::-1])


def true_residuals(matrix, pairs):
    values, vectors = np.asarray(pairs.values), np.asarray(pairs.vectors)
    return np.linalg.norm(vectors @ matrix - values[:, None] * vectors, axis=1)


@pytest.mark.parametrize("k", [1, 5])
@pytest.mark.parametrize("which", ORDERS)
@pytest.mark.parametrize("name", SPECTRA)
def test_the_pairs_are_those_of_the_dense_matrix(float64, quadratic, name, which, k):
    spectrum, matrix = SPECTRA[name], symmetric(SPECTRA[name])
    pairs = curvature.top_eigenpairs(
        quadratic(matrix), k, key=KEY, which=which, tol=1e-8
    )
    expected = expected_values(spectrum, k, which)
    chex.assert_trees_all_close(np.asarray(pairs.values), expected, atol=1e-7)
    chex.assert_trees_all_close(pairs.vectors @ pairs.vectors.T, np.eye(k), atol=1e-12)
    scale = max(np.abs(expected).max(), 0.01 * np.abs(spectrum).max())
    assert (true_residuals(matrix, pairs) <= 1e-8 * scale).all()
    chex.assert_trees_all_close(
        pairs.residuals, true_residuals(matrix, pairs) / scale, atol=1e-14
    )


@pytest.mark.parametrize("which", ORDERS)
def test_the_vectors_span_a_degenerate_eigenspace(float64, quadratic, which):
    matrix = symmetric(SPECTRA["degenerate"])
    pairs = curvature.top_eigenpairs(
        quadratic(matrix), 4, key=KEY, which=which, tol=1e-9
    )
    dense_values, dense_vectors = np.linalg.eigh(matrix)
    space = dense_vectors[:, np.isclose(dense_values, pairs.values[0])]
    assert space.shape[1] == 4
    chex.assert_trees_all_close(
        pairs.vectors.T @ pairs.vectors, space @ space.T, atol=1e-8
    )


@pytest.mark.parametrize("name", SPECTRA)
def test_float32_meets_the_default_tolerance(quadratic, name):
    matrix = symmetric(SPECTRA[name]).astype(np.float32)
    pairs = curvature.top_eigenpairs(quadratic(matrix), 5, key=KEY)
    expected = expected_values(SPECTRA[name], 5, "LA")
    chex.assert_trees_all_close(np.asarray(pairs.values), expected, atol=3e-3)
    assert (pairs.residuals <= 1e-3).all()


@pytest.mark.parametrize(
    ("spectrum", "k"),
    [
        (np.ones(60), 5),
        (np.zeros(60), 5),
        (np.append(np.zeros(59), 2.0), 5),
        (np.append(np.zeros(59), -2.0), 5),
        (np.ones(20), 20),
        (np.linspace(-1, 1, 20), 20),
        (np.array([-7.0]), 1),
    ],
)
def test_breakdown_and_the_whole_spectrum_are_handled(float64, quadratic, spectrum, k):
    pairs = curvature.top_eigenpairs(quadratic(symmetric(spectrum)), k, key=KEY)
    expected = expected_values(spectrum, k, "LA")
    chex.assert_trees_all_close(np.asarray(pairs.values), expected, atol=1e-12)
    assert (pairs.residuals <= 1e-12).all()


def test_the_sign_of_a_small_negative_eigenvalue_is_found(quadratic):
    spectrum = np.append(np.linspace(-1e-3, 1e-3, 56), [-0.02, 1.0, 5.0, 10.0])
    op = quadratic(symmetric(spectrum).astype(np.float32))
    values = curvature.top_eigenpairs(op, 1, key=KEY, which="SA").values
    assert float(values[0]) == pytest.approx(-0.02, rel=0.02)


def test_restarts_reach_a_tight_tolerance_in_a_small_space(float64, quadratic):
    matrix = symmetric(np.linspace(0, 1, 400) ** 2)  # 26 vectors are held
    pairs = curvature.top_eigenpairs(
        quadratic(matrix), 3, key=KEY, tol=1e-9, max_matvecs=250
    )
    assert (true_residuals(matrix, pairs) <= 1e-9).all()
    expected = (np.array([399, 398, 397]) / 399) ** 2
    chex.assert_trees_all_close(np.asarray(pairs.values), expected, atol=1e-12)


def test_residuals_show_that_the_search_was_stopped(float64, quadratic):
    matrix = symmetric(np.linspace(0, 1, 400) ** 2)
    pairs = curvature.top_eigenpairs(
        quadratic(matrix), 3, key=KEY, tol=1e-9, max_matvecs=10
    )
    assert (pairs.residuals > 1e-9).all()
    expected = true_residuals(matrix, pairs) / float(pairs.values[0])
    chex.assert_trees_all_close(pairs.residuals, expected, rtol=1e-9)


def test_a_guess_saves_products_and_is_not_taken_for_the_answer(
    float64, quadratic, monkeypatch
):
    matrix, grow = symmetric(SPECTRA["indefinite"]), lanczos._grow
    vectors = np.linalg.eigh(matrix)[1].T
    op, count = quadratic(matrix), []

    def counted(*args):
        count.append(None)
        return grow(*args)

    monkeypatch.setattr(lanczos, "_grow", counted)
    spent = []
    for guess in (None, vectors[-1], vectors[-2], np.zeros(60)):
        count.clear()
        pairs = curvature.top_eigenpairs(op, 1, key=KEY, tol=1e-6, start=guess)
        assert float(pairs.values[0]) == pytest.approx(5, abs=1e-9)
        spent.append(len(count))
    assert spent[1] < spent[0]


def quartic_loss(params, batch):
    return jnp.mean((jnp.tanh(batch @ params["w"]) @ params["v"] - 1.0) ** 4)


def network(scale):
    w = jnp.array([[0.5, -1.0, 0.2], [0.3, 0.8, -0.4]]) * scale
    params = {"w": w, "v": jnp.array([1.0, -0.5, 2.0])}
    batch = jnp.array([[1.0, 2.0], [0.5, -1.0], [-2.0, 0.3], [0.7, 0.7]])
    return curvature.hessian(quartic_loss, params, [batch])


def test_the_vectors_are_trees_like_the_parameters(float64):
    op = network(1.0)
    pairs = curvature.top_eigenpairs(op, 3, key=KEY, tol=1e-8)
    chex.assert_shape(pairs.vectors["w"], (3, 2, 3))
    first = jax.tree.map(lambda x: x[0], pairs.vectors)
    expected = jax.tree.map(lambda x: pairs.values[0] * x, first)
    chex.assert_trees_all_close(op(first), expected, atol=1e-7 * float(pairs.values[0]))
    dense = np.linalg.eigvalsh(op.to_dense())[::-1][:3]
    chex.assert_trees_all_close(np.asarray(pairs.values), dense, rtol=1e-8)


def test_the_result_is_a_function_of_the_key():
    first, again, other = (
        curvature.top_eigenpairs(network(1.0), 1, key=jax.random.key(seed))
        for seed in (1, 1, 2)
    )
    chex.assert_trees_all_equal(first, again)
    assert not np.array_equal(first.vectors["w"], other.vectors["w"])
    chex.assert_trees_all_close(first.values, other.values, rtol=1e-3)


@pytest.mark.parametrize(
    ("k", "which", "message"),
    [
        (0, "LA", "k is 0; expected 1 to P = 9"),
        (10, "LA", "k is 10; expected 1 to P = 9"),
        (1, "SM", "which is 'SM'; expected one of"),
    ],
)
def test_arguments_out_of_range_are_refused(k, which, message):
    with pytest.raises(ValueError, match=message):
        curvature.top_eigenpairs(network(1.0), k, key=KEY, which=which)


def test_a_loss_that_is_not_finite_is_refused():
    with pytest.raises(ValueError, match="not finite: are the loss"):
        curvature.top_eigenpairs(network(jnp.nan), 1, key=KEY)


@pytest.mark.parametrize("transform", [jax.jit, jax.grad])
def test_a_search_that_is_traced_says_that_the_host_drives(transform):
    def largest(scale):
        op = curvature.hessian(
            lambda p, batch: jnp.mean(batch) * jnp.sum(p**4),
            scale * jnp.arange(1.0, 4.0),
            [jnp.ones(2)],
        )
        return curvature.top_eigenpairs(op, 1, key=KEY).values[0]

    with pytest.raises(ValueError, match="driven from the host.*outside of jax.jit"):
        transform(largest)(jnp.asarray(1.0))


def test_the_products_that_are_spent_are_told(quadratic):
    # The space of three dimensions is full after three, and one certifies the pair.
    pairs = curvature.top_eigenpairs(quadratic(np.diag([1.0, 2.0, 4.0])), 1, key=KEY)
    assert pairs.products == 4
