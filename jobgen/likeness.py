"""How far a set of texts is from real postings as a whole, and what real postings have."""

import re

import numpy as np

# Directions of the reference along which embeddings differ most. The covariance of d numbers takes
# d * (d + 1) / 2 estimates: of 384 numbers it is out of reach of a few hundred postings.
COMPONENTS = 8
_HEADING_WORDS = 6
_BULLET = "•-*–·"


class Distance:
    """Frechet distance of texts to a reference, from their embeddings (Heusel et al. 2017).

    ``|m - n|^2 + tr(A + B - 2 (A B)^(1/2))`` of the means m, n and the covariances A, B. Not MAUVE
    (Pillutla et al. 2021): it needs thousands of texts, and its number depends on the clusters that
    it draws.

    Args:
        reference: (n, d), embeddings of real texts, a row a text.
    """

    def __init__(self, reference: np.ndarray):
        centred = reference - reference.mean(axis=0)
        _, _, directions = np.linalg.svd(centred, full_matrices=False)
        self.mean, self.directions = reference.mean(axis=0), directions[:COMPONENTS]
        self.covariance = np.cov(self.project(reference), rowvar=False)

    def project(self, embeddings: np.ndarray) -> np.ndarray:
        """Their places along the directions of the reference, (n, COMPONENTS)."""
        return (embeddings - self.mean) @ self.directions.T

    def __call__(self, places: np.ndarray, counts: np.ndarray) -> float:
        """The distance.

        Args:
            places: (n, COMPONENTS), what `project` gave for the texts.
            counts: (n,), how often each text counts.
        """
        covariance = np.cov(places, rowvar=False, fweights=counts)
        mean = np.average(places, axis=0, weights=counts)
        # The eigenvalues of a product of two covariances are not negative.
        roots = np.sqrt(np.abs(np.linalg.eigvals(covariance @ self.covariance)))
        return float(mean @ mean + np.trace(covariance + self.covariance) - 2 * roots.sum())


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
