"""How far a set of texts is from real postings as a whole, and what real postings have."""

import re

import numpy as np

# Directions that are compared. The covariance of d numbers takes d * (d + 1) / 2 estimates: of the
# 384 numbers of an embedding it is out of reach of a few hundred postings.
COMPONENTS = 8
_HEADING_WORDS = 6
_BULLET = "•-*–·"


class FrechetDistance:
    """Frechet distance of texts to a reference, from their embeddings (Heusel et al. 2017).

    ``|m - n|^2 + tr(A + B - 2 (A B)^(1/2))`` of the means m, n and the covariances A, B, along the
    directions in which embeddings of real texts differ most. Not MAUVE (Pillutla et al. 2021): it
    needs thousands of texts, and its number depends on the clusters that it draws.

    Args:
        real: (n, d), embeddings of real texts, for the directions.
        reference: (m, d), those of them that texts are compared with.
    """

    def __init__(self, real: np.ndarray, reference: np.ndarray):
        self.mean = real.mean(axis=0)
        _, _, directions = np.linalg.svd(real - self.mean, full_matrices=False)
        self.directions = directions[:COMPONENTS]
        self.reference = self.project(reference)

    def project(self, embeddings: np.ndarray) -> np.ndarray:
        """Their places along the directions, (n, COMPONENTS)."""
        return (embeddings - self.mean) @ self.directions.T

    def __call__(
        self, places: np.ndarray, counts: np.ndarray, reference_counts: np.ndarray
    ) -> float:
        """The distance.

        Args:
            places: (n, COMPONENTS), what `project` gave for the texts.
            counts: (n,), how often each text counts.
            reference_counts: (m,), the same of the reference.
        """
        mean, covariance = _moments(places, counts)
        wanted_mean, wanted = _moments(self.reference, reference_counts)
        # The eigenvalues of a product of two covariances are not negative.
        roots = np.sqrt(np.abs(np.linalg.eigvals(covariance @ wanted)))
        apart = mean - wanted_mean
        return float(apart @ apart + np.trace(covariance + wanted) - 2 * roots.sum())


def _moments(places: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of texts that count so often each."""
    mean = counts @ places / counts.sum()
    centred = places - mean
    return mean, (centred * counts[:, None]).T @ centred / (counts.sum() - 1)


def section_headings(text: str) -> list[str]:
    r"""Lines that stand above others as headings do.

    Of at most six words, with a capital first, no mark at the end but a colon, and something
    longer, or a list, below.

    >>> section_headings("We hire nurses for our wards.\nWhat you bring:\n• a degree\nApply!")
    ['What you bring:']
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return [
        line
        for line, below in zip(lines, lines[1:], strict=False)
        if line[0].isupper()
        and len(line.split()) <= _HEADING_WORDS
        and re.search(r"[\w)&:]$", line)
        and (line.endswith(":") or below[0] in _BULLET or len(below) > len(line))
    ]
