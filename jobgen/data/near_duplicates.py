"""Near-duplicate postings, so that no copy of a training posting is tested on.

1. `minhash_signature` and `ngram_hashes` turn each text into numbers. Texts do not depend on one
   another, so any number of workers gives the same arrays.
2. `near_duplicate_groups` finds copies and paraphrases; `overlap_groups` finds whatever shares more
   than half of its 8-grams. Both return a grouping (jobgen.data.splitting).
"""

from collections.abc import Iterator
from itertools import islice

import numpy as np
from datasketch import MinHash
from scipy.sparse import csr_array, vstack

from jobgen.data.splitting import merge_groups
from jobgen.text.ngrams import mix_hashes, ngram_hashes

SHINGLE = 2  # words; of runs of three, a paraphrase with every fifth word replaced keeps too few
PERMUTATIONS = 256  # the estimated similarity is off by 0.03 (standard deviation), at most
MISSED = 0.01  # share of the pairs right at the threshold that the bands may miss

_PERMUTATIONS = MinHash(num_perm=PERMUTATIONS).permutations
_PARTS = 16  # the sequences are indexed in as many steps, each with that share of the memory
_PAIRS = 2**12  # compared at once; their signatures fit into a processor's cache
_PRODUCTS = 2**22  # of one block of the overlap; about 100 MB


def minhash_signature(text: str) -> np.ndarray:
    """MinHash of a text's two-word shingles (Broder 1997; `datasketch`).

    The share of equal entries of two signatures estimates the Jaccard similarity of their texts.

    Returns:
        (PERMUTATIONS,), uint32.
    """
    # The hash function hands on what is hashed already: 32 of the 64 bits.
    minhash = MinHash(PERMUTATIONS, permutations=_PERMUTATIONS, scheme="affine32", hashfunc=int)
    minhash.update_batch(ngram_hashes(text, SHINGLE) >> np.uint64(32))
    return minhash.hashvalues


def _blocks(costs: np.ndarray, limit: int) -> Iterator[np.ndarray]:
    """Positions of costs above 0 in order, in pieces that cost about `limit` each."""
    positions = np.flatnonzero(costs)
    if len(positions):
        piece = np.cumsum(costs[positions]) // limit
        yield from np.split(positions, np.flatnonzero(np.diff(piece)) + 1)


def _run_ends(values: np.ndarray) -> np.ndarray:
    """For each position of sorted values, where the run of its value ends."""
    return np.searchsorted(values, values, side="right")


def bands_and_rows(threshold: float, permutations: int = PERMUTATIONS) -> tuple[int, int]:
    """Bands of locality-sensitive hashing and signature entries a band, in favour of recall.

    Texts of similarity s meet in one of b bands of r entries with probability 1 - (1 - s^r)^b
    (Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, 3.4). Chosen are the most entries,
    then the fewest bands, that miss a pair at the threshold with a probability of `MISSED` at most.

    >>> bands_and_rows(0.25), bands_and_rows(0.8)
    ((72, 2), (26, 8))
    """
    for rows in range(permutations, 0, -1):
        bands = np.ceil(np.log(MISSED) / np.log1p(-(min(threshold, 0.999) ** rows)))
        if bands * rows <= permutations:
            return int(bands), rows
    return permutations, 1


def _bucket_pairs(
    keys: np.ndarray, labels: np.ndarray, every: bool
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs of rows of one key and different labels, in blocks.

    Args:
        keys: (n,), uint64.
        labels: (n,).
        every: all such pairs; otherwise only those with the first row of each key.

    Yields:
        Two arrays of rows.
    """
    order = np.lexsort((labels, keys))
    bucket_ends = _run_ends(keys[order])
    bucket_starts = np.r_[True, np.diff(bucket_ends) > 0]
    runs = np.cumsum(bucket_starts | np.r_[True, np.diff(labels[order]) != 0])
    partners = _run_ends(runs)  # of each position the first one; rows of its own label come before
    counts = bucket_ends - partners
    if not every:
        counts[~bucket_starts] = 0
    for block in _blocks(counts, _PAIRS):
        n = counts[block]
        steps = np.arange(n.sum()) - np.repeat(np.cumsum(n) - n, n)
        yield order[np.repeat(block, n)], order[np.repeat(partners[block], n) + steps]


def near_duplicate_groups(signatures: np.ndarray, threshold: float) -> np.ndarray:
    """Group rows whose estimated Jaccard similarity reaches the threshold, also in chains.

    Candidates come from the bands of `datasketch.MinHashLSH`, here one band at a time in sorted
    arrays: its dictionaries of sets would take some 300 bytes a row and band. Each candidate is
    checked by all permutations (as in Lee et al. 2022, Deduplicating Training Data Makes Language
    Models Better).

    Args:
        signatures: (n, p), uint32, a row a text.
        threshold: above 0, at most 1.

    Returns:
        (n,), labels.
    """
    n, p = signatures.shape
    bands, rows = bands_and_rows(threshold, p)
    # Equal entries have equal last bytes: most candidates fall by a quarter of the memory.
    last_bytes = signatures.astype(np.uint8)
    labels = np.arange(n)
    for band in range(bands):
        keys = mix_hashes(list(signatures[:, band * rows : (band + 1) * rows].T))
        # First against one row of each bucket, so that thousands of copies come together without
        # a comparison of each with each.
        for every in (False, True):
            for a, b in _bucket_pairs(keys, labels, every):
                apart = labels[a] != labels[b]
                a, b = a[apart], b[apart]
                for columns in (last_bytes, signatures):
                    equal = columns.take(a, axis=0) == columns.take(b, axis=0)
                    alike = equal.view(np.uint8).sum(axis=1, dtype=np.uint16) >= threshold * p
                    a, b = a[alike], b[alike]
                if len(a):
                    labels = merge_groups(labels, a, b)
    return labels


def _differ(labels: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Of each list of labels, all in one array, whether it holds more than one."""
    return np.minimum.reduceat(labels, starts) != np.maximum.reduceat(labels, starts)


def _shared_sequences(
    hashes: np.ndarray, offsets: np.ndarray, labels: np.ndarray
) -> tuple[csr_array, np.ndarray]:
    """Inverted index of the sequences that rows of different labels have in common.

    Sequences of exactly the same rows, a paragraph's say, become one entry with their number as
    its weight. That keeps an equal-opportunity statement in thousands of postings cheap.

    Returns:
        (entries, n) of ones, and (entries,) weights; both int32.
    """
    n = len(offsets) - 1
    codes = np.random.default_rng(0).integers(2**64, size=n, dtype=np.uint64)
    lists, keys, weights = [csr_array((0, n), dtype=np.int32)], [], []
    for part in range(_PARTS):
        lowest = part * (2**64 // _PARTS)
        chosen = np.flatnonzero((hashes >= lowest) & (hashes <= lowest + 2**64 // _PARTS - 1))
        if not len(chosen):
            continue
        chosen = chosen[np.argsort(hashes[chosen], kind="stable")]
        rows = np.searchsorted(offsets, chosen, side="right") - 1
        starts = np.flatnonzero(np.r_[True, np.diff(hashes[chosen]) > 0])
        index = csr_array(
            (np.ones(len(rows), np.int32), rows, np.r_[starts, len(rows)]), shape=(len(starts), n)
        )
        shared = np.flatnonzero(_differ(labels[rows], starts))
        # The sum of its rows' random codes stands for a set of rows (Zobrist hashing).
        key, first, count = np.unique(
            np.add.reduceat(codes[rows], starts)[shared], return_index=True, return_counts=True
        )
        lists.append(index[shared[first]])
        keys.append(key)
        weights.append(count)
    _, first, entry = np.unique(np.concatenate(keys), return_index=True, return_inverse=True)
    index = vstack(lists, format="csr")
    lists.clear()  # their memory is needed for the copy
    return index[first], np.bincount(entry, np.concatenate(weights)).astype(np.int32)


def overlap_groups(
    hashes: np.ndarray, offsets: np.ndarray, labels: np.ndarray, share: float = 0.5
) -> np.ndarray:
    """Group rows of which one has more than a share of its sequences in another; exact.

    Rows of one label are not compared. Of the others, only rows that have more than the share of
    their sequences anywhere else are: the prefix filter of set similarity joins (Chaudhuri, Ganti
    and Kaushik 2006; Bayardo, Ma and Srikant 2007), whose rarest sequences are here those of one
    row. What two rows have in common is then a product of sparse matrices.

    Args:
        hashes: (m,), uint64, `ngram_hashes` of all rows, one row after the other.
        offsets: (n + 1,), where each row begins, and m.
        labels: (n,), a grouping known already, such as that of `near_duplicate_groups`; rows that
            stand alone are `np.arange(n)`.
        share: of a row's distinct sequences, to be exceeded. To be safe that no row shares more
            than half, however its words are told apart, give 0.4: real postings came to 0.52.

    Returns:
        (n,), labels: the given groups, joined where rows of them overlap.
    """
    enough = share * np.diff(offsets)
    index, weights = _shared_sequences(hashes, offsets, labels)
    undone, steps = np.ones(len(labels), bool), 1
    while undone.any():
        # What has come together makes entries superfluous; looking for them takes its time, so
        # that it is done less and less often.
        apart = _differ(labels[index.indices], index.indptr[:-1])
        index, weights = index[apart], weights[apart]
        weight = np.repeat(weights, np.diff(index.indptr))
        counts = csr_array((weight, index.indices, index.indptr), shape=index.shape).T.tocsr()
        undone &= counts.sum(axis=1) > enough
        largest = labels == np.bincount(labels).argmax()
        for group in (~largest, largest):
            # The largest group can be most of the table: its rows are compared with others only.
            others = np.flatnonzero(~largest) if group is largest else np.arange(len(labels))
            columns = index[:, others] if group is largest else index
            products = (index.T @ np.diff(columns.indptr)) * (undone & group)
            for block in islice(_blocks(products, _PRODUCTS), steps):
                common = counts[block] @ columns
                least = np.repeat(enough[block], np.diff(common.indptr))
                hits = np.flatnonzero(common.data > least)
                a = block[np.searchsorted(common.indptr, hits, side="right") - 1]
                b = others[common.indices[hits]]
                apart = labels[a] != labels[b]
                if apart.any():
                    labels = merge_groups(labels, a[apart], b[apart])
                undone[block] = False
            undone &= ~(group & (products == 0))
        steps *= 2
    return labels
