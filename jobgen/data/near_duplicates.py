"""Near-duplicate postings, so that no near-duplicate of a training posting is in the test set.

1. `minhash_signature` and `ngram_hashes` turn each text into numbers, independent of other texts,
   so any number of workers gives the same arrays.
2. `near_duplicate_groups` finds near-duplicates and paraphrases; `overlap_groups` finds postings
   that share more than half of their 8-grams. Both return a grouping (jobgen.data.splitting).
"""

from collections.abc import Callable, Iterator
from itertools import islice

import numpy as np
from datasketch import MinHash
from scipy.sparse import csr_array, vstack

from jobgen.data.splitting import merge_groups
from jobgen.text.ngrams import mix_hashes, ngram_hashes

SHINGLE = 2  # words; a paraphrase with every fifth word replaced keeps too few trigrams
PERMUTATIONS = 256  # the standard deviation of the estimated similarity is 0.03 at most
MISSED = 0.01  # share of the pairs exactly at the threshold that the bands may miss

_PERMUTATIONS = MinHash(num_perm=PERMUTATIONS).permutations
_INDEX_STEPS = 16  # the n-grams are indexed in so many steps, each with that share of the memory
_BLOCK_PAIRS = 2**12  # pairs compared at once; their signatures fit into a processor's cache
_BLOCK_PRODUCTS = 2**22  # products in one block of the overlap; about 100 MB


def minhash_signature(text: str) -> np.ndarray:
    """MinHash of a text's word bigrams (Broder 1997; `datasketch`).

    The share of equal entries of two signatures estimates the Jaccard similarity of their texts.

    Returns:
        (PERMUTATIONS,), uint32.
    """
    # The bigrams are hashed already: `int` passes 32 of their 64 bits on.
    minhash = MinHash(PERMUTATIONS, permutations=_PERMUTATIONS, scheme="affine32", hashfunc=int)
    minhash.update_batch(ngram_hashes(text, SHINGLE) >> np.uint64(32))
    return minhash.hashvalues


def _blocks(costs: np.ndarray, limit: int) -> Iterator[np.ndarray]:
    """Positions of costs above 0 in order, in blocks that cost about `limit` each."""
    positions = np.flatnonzero(costs)
    if len(positions):
        block_numbers = np.cumsum(costs[positions]) // limit
        yield from np.split(positions, np.flatnonzero(np.diff(block_numbers)) + 1)


def _run_ends(values: np.ndarray) -> np.ndarray:
    """For each position of sorted values, the end of the run of its value."""
    return np.searchsorted(values, values, side="right")


def bands_and_rows(threshold: float, permutations: int = PERMUTATIONS) -> tuple[int, int]:
    """Number of bands of locality-sensitive hashing, and of signature entries per band.

    Two texts of similarity s are equal in one of b bands of r entries with probability
    1 - (1 - s^r)^b (Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, 3.4). The result is
    the largest r, with the smallest b, that misses a pair exactly at the threshold with a
    probability of at most `MISSED`.

    >>> bands_and_rows(0.25), bands_and_rows(0.8)
    ((72, 2), (26, 8))
    """
    for entries in range(permutations, 0, -1):
        bands = np.ceil(np.log(MISSED) / np.log1p(-(min(threshold, 0.999) ** entries)))
        if bands * entries <= permutations:
            return int(bands), entries
    return permutations, 1


def _bucket_pairs(
    keys: np.ndarray, labels: np.ndarray, all_pairs: bool
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs of rows that have the same key but different labels, in blocks.

    Args:
        keys: (n,), uint64; rows with the same key are in the same bucket.
        labels: (n,), the groups known so far.
        all_pairs: whether all such pairs are wanted, or only those with the first row of a bucket.

    Yields:
        Two arrays of rows.
    """
    order = np.lexsort((labels, keys))
    bucket_ends = _run_ends(keys[order])
    bucket_starts = np.r_[True, np.diff(bucket_ends) > 0]
    label_runs = np.cumsum(bucket_starts | np.r_[True, np.diff(labels[order]) != 0])
    # The partners of a position are those from the end of its own label's run to the bucket's end.
    first_partners = _run_ends(label_runs)
    n_partners = bucket_ends - first_partners
    if not all_pairs:
        n_partners[~bucket_starts] = 0
    for block in _blocks(n_partners, _BLOCK_PAIRS):
        n = n_partners[block]
        offsets = np.arange(n.sum()) - np.repeat(np.cumsum(n) - n, n)
        yield order[np.repeat(block, n)], order[np.repeat(first_partners[block], n) + offsets]


def near_duplicate_groups(
    signatures: np.ndarray, threshold: float, on_band: Callable[[], object] = lambda: None
) -> np.ndarray:
    """Group rows whose estimated Jaccard similarity reaches the threshold, directly or in chains.

    Candidates come from the bands of `datasketch.MinHashLSH`, here one band at a time in sorted
    arrays: its dictionaries of sets would take about 300 bytes per row and band. Each candidate is
    verified with all permutations (as in Lee et al. 2022, Deduplicating Training Data Makes
    Language Models Better).

    Args:
        signatures: (n, p), uint32, one row per text.
        threshold: least similarity, above 0, at most 1.
        on_band: called after each of the `bands_and_rows(threshold, p)[0]` bands.

    Returns:
        (n,), labels.
    """
    n, p = signatures.shape
    bands, entries = bands_and_rows(threshold, p)
    # Equal entries have equal last bytes: comparing these first rejects most candidates cheaply.
    last_bytes = signatures.astype(np.uint8)
    labels = np.arange(n)
    for band in range(bands):
        keys = mix_hashes(list(signatures[:, band * entries : (band + 1) * entries].T))
        # First with one row of each bucket only, so that thousands of copies are grouped without
        # a comparison of each with each.
        for all_pairs in (False, True):
            for a, b in _bucket_pairs(keys, labels, all_pairs):
                apart = labels[a] != labels[b]
                a, b = a[apart], b[apart]
                for columns in (last_bytes, signatures):
                    equal = columns.take(a, axis=0) == columns.take(b, axis=0)
                    alike = equal.view(np.uint8).sum(axis=1, dtype=np.uint16) >= threshold * p
                    a, b = a[alike], b[alike]
                if len(a):
                    labels = merge_groups(labels, a, b)
        on_band()
    return labels


def _differ(labels: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """For each list of labels, all in one array, whether it holds different ones."""
    return np.minimum.reduceat(labels, starts) != np.maximum.reduceat(labels, starts)


def _shared_ngrams(
    hashes: np.ndarray, offsets: np.ndarray, labels: np.ndarray
) -> tuple[csr_array, np.ndarray]:
    """Inverted index of the n-grams that rows of different labels have in common.

    N-grams of exactly the same rows, for example those of one paragraph, become a single entry
    whose weight is their number. So an equal-opportunity statement in thousands of postings costs
    little.

    Returns:
        (E, n) of ones, the rows of each entry, and (E,) weights; both int32.
    """
    n = len(offsets) - 1
    codes = np.random.default_rng(0).integers(2**64, size=n, dtype=np.uint64)
    indexes, keys, weights = [csr_array((0, n), dtype=np.int32)], [], []
    step_size = 2**64 // _INDEX_STEPS
    for lowest in range(0, 2**64, step_size):
        # 1. The n-grams of one range of hashes, sorted, and their rows.
        positions = np.flatnonzero((hashes >= lowest) & (hashes <= lowest + step_size - 1))
        if not len(positions):
            continue
        positions = positions[np.argsort(hashes[positions], kind="stable")]
        rows = np.searchsorted(offsets, positions, side="right") - 1
        starts = np.flatnonzero(np.r_[True, np.diff(hashes[positions]) > 0])
        index = csr_array(
            (np.ones(len(rows), np.int32), rows, np.r_[starts, len(rows)]), shape=(len(starts), n)
        )
        # 2. Those of different labels, once for each set of rows. The sum of its rows' random codes
        # identifies a set (Zobrist hashing).
        shared = np.flatnonzero(_differ(labels[rows], starts))
        set_keys, first, counts = np.unique(
            np.add.reduceat(codes[rows], starts)[shared], return_index=True, return_counts=True
        )
        indexes.append(index[shared[first]])
        keys.append(set_keys)
        weights.append(counts)
    # 3. The same set of rows can come from several ranges.
    _, first, entries = np.unique(np.concatenate(keys), return_index=True, return_inverse=True)
    index = vstack(indexes, format="csr")
    indexes.clear()  # the next line needs their memory for its copy
    return index[first], np.bincount(entries, np.concatenate(weights)).astype(np.int32)


def overlap_groups(
    hashes: np.ndarray,
    offsets: np.ndarray,
    labels: np.ndarray,
    share: float = 0.5,
    on_rows: Callable[[int], object] = lambda n_rows: None,
) -> np.ndarray:
    """Group rows of which one has more than a share of its n-grams in the other; exact.

    Rows of the same label are not compared. Of the others, only those are that have more than the
    share of their n-grams in any other rows. This is the prefix filter of set similarity joins
    (Chaudhuri, Ganti and Kaushik 2006; Bayardo, Ma and Srikant 2007), with n-grams of a single row
    as the rarest. The n-grams common to two rows are then counted by a product of sparse matrices.

    Args:
        hashes: (m,), uint64, `ngram_hashes` of all rows, one row after the other.
        offsets: (n + 1,), start of each row in `hashes`, and m.
        labels: (n,), a known grouping, such as that of `near_duplicate_groups`, or `np.arange(n)`.
        share: share of a row's distinct n-grams that must be exceeded. To ensure that no row shares
            more than half however texts are divided into words, use 0.4: with 0.5, real postings
            shared up to 0.52 under another division.
        on_rows: called with the number of rows that are done, again and again, n rows in all.

    Returns:
        (n,), labels: the given groups, merged where rows of them overlap.
    """
    threshold = share * np.diff(offsets)
    index, weights = _shared_ngrams(hashes, offsets, labels)
    n_blocks = 1
    is_undone = np.ones(len(labels), bool)
    while n_undone := int(is_undone.sum()):
        # Merged groups make entries superfluous. Removing these takes time, so it is done after
        # 1, 2, 4, ... blocks.
        apart = _differ(labels[index.indices], index.indptr[:-1])
        index, weights = index[apart], weights[apart]
        weight = np.repeat(weights, np.diff(index.indptr))
        counts = csr_array((weight, index.indices, index.indptr), shape=index.shape).T.tocsr()
        is_undone &= counts.sum(axis=1) > threshold
        largest = labels == np.bincount(labels).argmax()
        for group in (~largest, largest):
            # The largest group can be most of the table: its rows are compared only with others.
            others = np.flatnonzero(~largest) if group is largest else np.arange(len(labels))
            columns = index[:, others] if group is largest else index
            products = (index.T @ np.diff(columns.indptr)) * (is_undone & group)
            for block in islice(_blocks(products, _BLOCK_PRODUCTS), n_blocks):
                common = counts[block] @ columns
                row_thresholds = np.repeat(threshold[block], np.diff(common.indptr))
                hits = np.flatnonzero(common.data > row_thresholds)
                a = block[np.searchsorted(common.indptr, hits, side="right") - 1]
                b = others[common.indices[hits]]
                apart = labels[a] != labels[b]
                if apart.any():
                    labels = merge_groups(labels, a[apart], b[apart])
                is_undone[block] = False
            is_undone &= ~(group & (products == 0))
        n_blocks *= 2
        on_rows(n_undone - int(is_undone.sum()))
    return labels
