"""Colour noise along the principal components of the training set's pixels."""

import jax
import jax.numpy as jnp
import numpy as np

from lec7 import arguments
from lec7.data.augment import transforms

CHUNK = 2**20  # pixels that are in memory in double precision at a time


def fit_colour_pca(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the principal components of the colours of all pixels.

    Args:
      images: of the training set, [N, H, W, C], in [0, 1].

    Returns:
      basis: eigenvectors of the covariance of the channels, in columns, [C, C].
      eigenvalues: their variances in squared pixel values, descending, [C].

    Raises:
      ValueError: the images are of integers.

    Example:
      >>> colours = np.array([[[[0.2, 0.2], [0.4, 0.4], [0.6, 0.6]]]])
      >>> basis, eigenvalues = fit_colour_pca(colours)
      >>> np.abs(basis[:, 0]), eigenvalues
      (array([0.70710677, 0.70710677], dtype=float32),
       array([0.05333333, 0.        ], dtype=float32))
    """
    transforms.require_floating(images)
    pixels = images.reshape(-1, images.shape[-1])
    mean = pixels.mean(axis=0, dtype=np.float64)
    scatter = np.zeros((len(mean), len(mean)))
    for start in range(0, len(pixels), CHUNK):
        centred = pixels[start : start + CHUNK] - mean
        scatter += centred.T @ centred
    eigenvalues, basis = np.linalg.eigh(scatter / len(pixels))
    return np.float32(basis[:, ::-1]), np.float32(eigenvalues[::-1])


def colour_noise(
    basis: np.ndarray, eigenvalues: np.ndarray, *, std: float = 0.1
) -> transforms.Transform:
    """Return the transform that adds one colour to all pixels of an image.

    x <- x + P (a * lambda),   a_j ~ N(0, std^2),

    drawn once for an image, with eigenvectors P and eigenvalues lambda. So the noise
    has covariance std^2 P diag(lambda^2) P^T. As lambda is a variance, and not its
    root, the strength depends on the unit of a pixel: it is for pixels in [0, 1], and
    with bytes would be 255 times as strong.

    Args:
      basis: P, [C, C], of `fit_colour_pca`.
      eigenvalues: lambda, [C].
      std: of the coefficients, >= 0.

    Returns:
      (key, pixels [H, W, C] in [0, 1]) -> pixels [H, W, C], not clipped.

    Raises:
      ValueError: std is below 0; when it is called, the image is of integers.

    References:
      Krizhevsky et al. 2012, ImageNet classification with deep convolutional neural
      networks, sec. 4.1.
    """
    arguments.require_non_negative(std=std)
    directions = jnp.asarray(basis) * jnp.asarray(eigenvalues)[None]

    def transform(key, image):
        transforms.require_floating(image)
        coefficients = std * jax.random.normal(key, directions.shape[1:])
        colour = jnp.sum(directions * coefficients[None], axis=1)
        return image + colour[None, None]

    return transform
