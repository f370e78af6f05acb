"""The Frechet distance of a set of texts to real postings."""

import numpy as np

# Principal components of the embeddings that are compared. The covariance of d numbers takes
# d * (d + 1) / 2 estimates; for the 384 numbers of an embedding a few hundred postings are too few.
COMPONENTS = 8


def frechet_distance(points: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Frechet distance of two sets of embeddings, taken as normal (Heusel et al. 2017).

    ``|m - n|^2 + tr(A + B - 2 (A B)^(1/2))`` of the means m, n and the covariances A, B. Not MAUVE
    (Pillutla et al. 2021): it needs thousands of texts, and depends on the clusters that it draws.

    Args:
        points: (..., n, d), projected on the principal components of real postings.
        reference: (..., m, d), real postings, projected likewise.

    Returns:
        (...), 0 for equal means and covariances.
    """
    mean, covariance = _moments(points)
    reference_mean, reference_covariance = _moments(reference)
    apart = mean - reference_mean  # (..., d)
    traces = np.trace(covariance + reference_covariance, axis1=-2, axis2=-1)
    # The trace of a square root is the sum of the roots of the eigenvalues; those of a product of
    # two covariances are never negative, but for rounding.
    roots = np.sqrt(np.abs(np.linalg.eigvals(covariance @ reference_covariance))).sum(axis=-1)
    return (apart**2).sum(axis=-1) + traces - 2 * roots


def _moments(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean, (..., d), and covariance, (..., d, d)."""
    mean = points.mean(axis=-2)
    centered = points - mean[..., None, :]
    return mean, np.swapaxes(centered, -1, -2) @ centered / (points.shape[-2] - 1)
