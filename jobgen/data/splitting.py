"""Groups of rows, and a train/test split that divides no group.

A grouping is an array of n labels: the label of a row is the number of the first row of its group.
A row without a group is its own label, so `labels == np.arange(n)` is true for the first row of
each group. `join_groups` merges several groupings; `split_groups` draws the groups of the test set.
"""

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from jobgen.common.errors import TableError


def merge_groups(labels: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Merge the groups of rows a[i] and b[i], for each i.

    Args:
        labels: (n,), a grouping.
        a: (m,), rows.
        b: (m,), the row to be merged with each.

    Returns:
        (n,), labels.
    """
    edges = (np.ones(len(a), np.int8), (labels[a], labels[b]))
    graph = coo_array(edges, shape=(len(labels), len(labels)))
    component = connected_components(graph, directed=False)[1]
    first = np.unique(component, return_index=True)[1]
    return first[component[labels]]


def value_groups(values: pd.Series) -> np.ndarray:
    """Group rows that have the same value, for example the same company.

    Letter case and surrounding whitespace do not count. Rows without a value stay alone.

    >>> value_groups(pd.Series(["Acme", None, "Bolt", " ACME", ""])).tolist()
    [0, 1, 2, 0, 4]
    """
    labels = np.arange(len(values))
    present = values.notna() & (values.astype(str).str.strip() != "")
    names = values[present].astype(str).str.strip().str.casefold()
    rows = np.flatnonzero(present)
    codes = pd.factorize(names)[0]
    labels[rows] = rows[np.unique(codes, return_index=True)[1]][codes]
    return labels


def join_groups(*groupings: np.ndarray) -> np.ndarray:
    """Merge groupings: rows that share a group in any of them share one in the result.

    >>> join_groups(np.array([0, 0, 2, 3]), np.array([0, 1, 1, 3])).tolist()
    [0, 0, 0, 3]
    """
    joined = np.arange(len(groupings[0]))
    for labels in groupings:
        joined = merge_groups(joined, np.arange(len(labels)), labels)
    return joined


def group_counts(labels: np.ndarray) -> dict[str, int]:
    """Number of groups of two or more rows, of the rows in them, and of those in the largest.

    >>> group_counts(np.array([0, 0, 2, 0, 4, 4]))
    {'groups': 2, 'rows': 5, 'largest': 3}
    """
    sizes = np.unique(labels, return_counts=True)[1]
    sizes = sizes[sizes > 1]
    return {"groups": len(sizes), "rows": int(sizes.sum()), "largest": int(sizes.max(initial=0))}


def split_groups(labels: np.ndarray, test_share: float, seed: int) -> np.ndarray:
    """Draw whole groups for the test set, as long as they fit into its share of the rows.

    A group that is larger than the test set goes to the training set, unless all are; then a
    smallest one becomes the test set.

    Args:
        labels: (n,), the split groups.
        test_share: share of the rows in the test set, between 0 and 1.
        seed: decides which groups are drawn.

    Returns:
        (n,), true for rows of the test set; at least one row, and not all.

    Raises:
        TableError: there are fewer than two groups.

    >>> split_groups(np.array([0, 0, 0, 3, 3, 5]), test_share=0.3, seed=0).tolist()
    [False, False, False, False, False, True]
    """
    n = len(labels)
    groups, sizes = np.unique(labels, return_counts=True)
    if n < 2:
        raise TableError("table", f"{n} row left after filtering; a split needs two")
    if len(groups) < 2:
        raise TableError(
            "table",
            f"all {n} rows are one group (near-duplicates, or one value); a split needs two",
        )
    order = np.random.default_rng(seed).permutation(len(groups))
    room = min(max(1, round(test_share * n)), n - 1)
    chosen = []
    for group in order:
        if sizes[group] <= room:
            room -= sizes[group]
            chosen.append(group)
    if not chosen:
        chosen = [order[np.argmin(sizes[order])]]
    return np.isin(labels, groups[chosen])
