"""The stage that finds near-duplicates, and the groups that the split must not divide."""

import numpy as np
import pandas as pd

from jobgen.common.config import MOST_TOKENS, PrepareConfig
from jobgen.common.files import write_arrays
from jobgen.data.chunk_store import ChunkStore
from jobgen.data.near_duplicates import bands_and_rows, near_duplicate_groups, overlap_groups
from jobgen.data.progress import progress_bar
from jobgen.data.splitting import join_groups, value_groups

# Postings are in the same split group if one shares more than this of its n-grams with the other.
# The promise is that no test posting shares more than half; 0.4 ensures it however words are told
# apart.
_OVERLAP = 0.4
# Tokens of a keyword with its comma, on the long side.
_TOKENS_OF_KEYWORD = 4


def group_rows(config: PrepareConfig, store: ChunkStore) -> None:
    """Group near-duplicates, and the rows that the split must not separate."""
    groups_file = store.file("groups.npz")
    if groups_file.is_file():
        return

    # 1. Near-duplicates, of which one may be kept, and related postings.
    thresholds = (config.near_duplicate_similarity, config.related_similarity)
    n_bands = sum(bands_and_rows(threshold)[0] for threshold in thresholds)
    with progress_bar("grouping near-duplicates", n_bands, unit="bands") as bar:
        chunks = [store.read_arrays("hashes", chunk) for chunk in store.chunks("measured")]
        chunk_signatures = [arrays.pop("signatures") for arrays in chunks]
        signatures = np.concatenate([rows for rows in chunk_signatures if len(rows)])
        del chunk_signatures
        near_duplicates, related = (
            near_duplicate_groups(signatures, threshold, bar.update) for threshold in thresholds
        )
        del signatures

    # 2. Postings that share n-grams, and those that share a value.
    lengths = np.concatenate([arrays["lengths"] for arrays in chunks])
    with progress_bar("grouping by shared n-grams", len(lengths)) as bar:
        hashes = np.empty(lengths.sum(), np.uint64)
        start = 0
        for arrays in chunks:  # into one array, without a second copy of all of them
            chunk_hashes = arrays.pop("hashes")
            hashes[start : start + len(chunk_hashes)] = chunk_hashes
            start += len(chunk_hashes)
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        labels = join_groups(near_duplicates, related)
        labels = overlap_groups(hashes, offsets, labels, _OVERLAP, bar.update)
    if config.group_by is not None:
        values = [store.read("measured", chunk)["group"] for chunk in store.chunks("measured")]
        labels = join_groups(labels, value_groups(pd.concat(values, ignore_index=True)))

    # 3. Which postings are kept.
    is_kept = np.ones(len(labels), bool)
    if config.duplicates == "keep_one":
        is_kept = first_of_each(near_duplicates, is_unfit(config, read_lengths(store)))
    write_arrays(
        groups_file,
        near_duplicates=near_duplicates,
        split_groups=labels,
        is_kept=is_kept,
        chunk_rows=np.array([len(arrays["lengths"]) for arrays in chunks]),
    )


def read_lengths(store: ChunkStore) -> np.ndarray:
    """Lengths of all measured postings without keywords, in tokens, (n,)."""
    chunks = store.chunks("measured")
    return np.concatenate([store.read_arrays("tokens", chunk)["n_tokens"] for chunk in chunks])


def is_unfit(config: PrepareConfig, n_tokens: np.ndarray) -> np.ndarray:
    """Mark postings that will be too short, or with their keywords too long; (n,).

    Args:
        config: configuration of the preparation.
        n_tokens: (n,), lengths without keywords.
    """
    longest = MOST_TOKENS if config.max_length == "auto" else config.max_length
    with_keywords = n_tokens + _TOKENS_OF_KEYWORD * config.num_keywords
    return (n_tokens < config.min_length) | (with_keywords > longest)


def first_of_each(groups: np.ndarray, unfit: np.ndarray) -> np.ndarray:
    """Mark one row of each group: the first that is fit, or the first if none is.

    >>> first_of_each(np.array([0, 1, 0, 1]), np.array([True, False, False, False]))
    array([False,  True,  True, False])
    """
    order = np.lexsort((unfit, groups))  # stable: equal rows stay in their order
    is_first = np.diff(groups[order], prepend=-1) != 0
    is_kept = np.zeros(len(groups), bool)
    is_kept[order[is_first]] = True
    return is_kept
