"""Which lengths a table has, and which limits would suit it."""

import numpy as np

# The share of the rows that a limit should keep, and that may be dropped without a word.
KEPT_SHARE, _UNSAID_SHARE = 0.95, 0.05
_STEP_UP, _STEP_DOWN = 50, 10  # tokens to which advice is rounded


def suitable_maximum(n_tokens: np.ndarray, longest: int) -> int:
    """The least round `max_length` that keeps 95 % of the rows, as far as it is possible.

    Args:
        n_tokens: (n,), the length of each row in tokens.
        longest: the most tokens that a row may have.

    >>> suitable_maximum(np.arange(100, 1100), 8192), suitable_maximum(np.arange(100, 1100), 1024)
    (1050, 1024)
    """
    quantile = float(np.quantile(n_tokens, KEPT_SHARE, method="inverted_cdf"))
    return min(int(np.ceil(quantile / _STEP_UP)) * _STEP_UP, longest)


def length_advice(
    n_tokens: np.ndarray,
    min_length: int,
    max_length: int,
    longest: int | None = None,
    why: str = "the model reads up to",
) -> list[str]:
    """A line for each limit that drops more than 5 % of the rows: what would keep them.

    Args:
        n_tokens: (n,), the length of each row in tokens, those that are dropped included.
        min_length: the shortest row kept.
        max_length: the longest row kept.
        longest: the most tokens that `max_length` can be; None: there is no limit.
        why: what limits it, before the number.

    >>> length_advice(np.arange(500, 1500), 128, 700, 8192)[0][:78]
    '799 of 1000 rows (80 %) are longer than max_length = 700; 1450 would keep 95 %'
    """
    lines = []
    n_rows = len(n_tokens)
    n_long, n_short = int((n_tokens > max_length).sum()), int((n_tokens < min_length).sum())
    if n_long > _UNSAID_SHARE * n_rows:
        better = suitable_maximum(n_tokens, longest or int(n_tokens.max()) + _STEP_UP)
        kept = round(100 * float((n_tokens <= better).mean()))
        line = _dropped(n_long, n_rows, f"longer than max_length = {max_length}")
        if better > max_length:
            line += f"; {better} would keep {kept} %"
        lines.append(line if longest is None else f"{line}, {why} {longest}")
    if n_short > _UNSAID_SHARE * n_rows:
        shortest = -float(np.quantile(-n_tokens, KEPT_SHARE, method="inverted_cdf"))
        better = max(1, int(shortest) // _STEP_DOWN * _STEP_DOWN)
        kept = round(100 * float((n_tokens >= better).mean()))
        line = _dropped(n_short, n_rows, f"shorter than min_length = {min_length}")
        lines.append(f"{line}; {better} would keep {kept} %")
    return lines


def _dropped(n: int, n_rows: int, why: str) -> str:
    return f"{n} of {n_rows} rows ({100 * n / n_rows:.0f} %) are {why}"
