"""How much the members of an ensemble differ, and what that is worth."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from lec7 import arguments


def disagreement(classes: jax.Array) -> jax.Array:
    """Return the share of examples to which two members give different classes.

    Dis = mean over pairs i < j and examples n of [c_i(n) != c_j(n)]. Members that err
    differently disagree, unlike in the measure of that name of Kuncheva and Whitaker,
    which compares whether they are right.

    Args:
      classes: the class each member gives each example, integers [M, N], M >= 2.

    Returns:
      [], in 0 to 1.

    Raises:
      ValueError: there are fewer than two members.

    Example:
      >>> disagreement(jnp.array([[0, 1, 2, 0], [0, 1, 1, 1]]))
      Array(0.5, dtype=float32)

    References:
      Fort, Hu and Lakshminarayanan 2019, arXiv:1912.02757, sec. 4.1.
    """
    _require_pairs("classes", classes, rank=2)
    differ = classes[:, None] != classes[None]
    return _mean_over_pairs(jnp.mean(differ, axis=-1))


def q_statistic(correct: jax.Array) -> jax.Array:
    """Return Yule's Q of being right, the mean over pairs of members.

    Q_ij = (N11 N00 - N01 N10) / (N11 N00 + N01 N10), where N10 counts the examples that
    i gets right and j wrong, and so on. 0 where members err independently, 1 where they
    err together, negative where on different examples. A pair of which one member has
    no fault, or no success, has no Q and is left out.

    Args:
      correct: whether each member is right about each example, booleans [M, N], M >= 2.

    Returns:
      [], in -1 to 1; NaN where no pair has a Q.

    Raises:
      ValueError: there are fewer than two members.

    Example:
      >>> right = jnp.array([[1, 1, 1, 1, 0, 0], [1, 1, 1, 0, 1, 0]], bool)
      >>> q_statistic(right)
      Array(0.5, dtype=float32)

    References:
      Yule 1900, On the association of attributes in statistics; Kuncheva and Whitaker
      2003, Measures of diversity in classifier ensembles, eq. 1.
    """
    _require_pairs("correct", correct, rank=2)
    arguments.require_fractions(correct=correct.astype(float))
    right = correct.astype(float)
    wrong = 1 - right
    with_both = (right @ right.T) * (wrong @ wrong.T)
    with_one = (right @ wrong.T) * (wrong @ right.T)
    total = with_both + with_one
    q = (with_both - with_one) / jnp.where(total > 0, total, 1)
    return _mean_over_pairs(jnp.where(total > 0, q, jnp.nan))


def pairwise_kl(logits: jax.Array) -> jax.Array:
    """Return the mean Kullback-Leibler divergence between two members.

    KL = mean over ordered pairs i != j and examples of sum_k p_i log(p_i / p_j), nats.
    Unlike disagreement it sees how sure the members are.

    Args:
      logits: of each member [M, N, K], M >= 2.

    Returns:
      [], >= 0.

    Raises:
      ValueError: there are fewer than two members.

    Example:
      >>> pairwise_kl(jnp.log(jnp.array([[[0.5, 0.5]], [[0.9, 0.1]]]))).round(4)
      Array(0.4394, dtype=float32)

    References:
      Fort, Hu and Lakshminarayanan 2019, arXiv:1912.02757, sec. 4.1.
    """
    _require_pairs("logits", logits, rank=3)
    dtype = jnp.promote_types(logits.dtype, jnp.float32)
    log_p = jax.nn.log_softmax(logits.astype(dtype))
    p = jnp.exp(log_p)
    # [M, M, N] without an axis of classes: sum_k p_i (log p_i - log p_j).
    own = jnp.sum(p * log_p, axis=-1)
    crossed = jnp.einsum("ink,jnk->ijn", p, log_p, precision="highest")
    return _mean_over_pairs(jnp.mean(own[:, None] - crossed, axis=-1))


class Ambiguity(NamedTuple):
    """The squared error of an ensemble in two parts: ensemble = members - spread."""

    ensemble: jax.Array
    """mean_n |fbar - y|^2, of the mean fbar of the members, []."""
    members: jax.Array
    """mean_m mean_n |f_m - y|^2, []."""
    spread: jax.Array
    """mean_m mean_n |f_m - fbar|^2, the ambiguity, []."""


def ambiguity(outputs: jax.Array, targets: jax.Array) -> Ambiguity:
    """Split the squared error of an ensemble into its members' error and their spread.

      (fbar - y)^2 = mean_m (f_m - y)^2 - mean_m (f_m - fbar)^2

    for every example, so that the ensemble is never worse than its members on average,
    and better by just how much these differ. With probabilities for outputs and one-hot
    targets the squared error is the Brier score. Where single members have the variance
    v and a pair the correlation c, the mean of M has the variance v (c + (1 - c) / M).

    Args:
      outputs: f [M, N, D].
      targets: y [N, D].

    Returns:
      The three parts.

    Raises:
      ValueError: the targets are not of the outputs' shape.

    Example:
      >>> parts = ambiguity(jnp.array([[[1.0]], [[4.0]]]), jnp.array([[2.0]]))
      >>> [float(part) for part in parts]
      [0.25, 2.5, 2.25]

    References:
      Krogh and Vedelsby 1995, Neural network ensembles, cross validation, and active
      learning, eq. 6.
    """
    if outputs.shape[1:] != targets.shape:
        raise ValueError(
            f"targets has shape {targets.shape}; expected {outputs.shape[1:]}, that of "
            f"outputs {outputs.shape} without the members"
        )
    dtype = jnp.promote_types(jnp.result_type(outputs, targets), jnp.float32)
    outputs, targets = outputs.astype(dtype), targets.astype(dtype)
    mean = jnp.mean(outputs, axis=0)

    def error(difference):
        return jnp.mean(jnp.sum(difference**2, axis=-1))

    return Ambiguity(
        ensemble=error(mean - targets),
        members=error(outputs - targets[None]),
        spread=error(outputs - mean[None]),
    )


def _require_pairs(name: str, rows: jax.Array, *, rank: int) -> None:
    """Check that there are pairs of members, and the axes that are meant.

    Raises:
      ValueError: M is below 2, or there are more axes or fewer.
    """
    if len(rows) < 2:
        raise ValueError(f"{name} has {len(rows)} members; expected 2 or more")
    expected = {2: "[M, N]", 3: "[M, N, K]"}[rank]
    arguments.require(rows.ndim == rank, f"the shape of {name}", rows.shape, expected)


def _mean_over_pairs(values: jax.Array) -> jax.Array:
    """Return the mean of the known entries off the diagonal of a matrix [M, M]."""
    return jnp.nanmean(jnp.where(jnp.eye(len(values), dtype=bool), jnp.nan, values))
