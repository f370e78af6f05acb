"""Scores of all tokens -> the token of each row, for a whole batch at once.

The filters are transformers' (temperature, `top_k`, `top_p`, `min_p`, repetition penalty, n-grams
that never repeat), with two differences: each row draws from random numbers of its own, so that its
text does not depend on the rows beside it; and only the likeliest tokens are sorted.
"""

import torch

from jobgen.config import GenerateConfig

_SORTED = 256  # likeliest tokens that are sorted; where they do not hold top_p, all are


def penalise_repetition(scores: torch.Tensor, text_ids: torch.Tensor, penalty: float) -> None:
    """Make what a row has written less likely, in place (Keskar et al. 2019).

    Args:
        scores: (B, V).
        text_ids: (B, T), what was written so far; where a row is shorter, tokens that are never
            written.
        penalty: above 1.
    """
    written = scores.gather(1, text_ids)  # (B, T)
    scores.scatter_(1, text_ids, torch.where(written < 0, written * penalty, written / penalty))


def forbid_repeated_ngrams(scores: torch.Tensor, text_ids: torch.Tensor, n: int) -> None:
    """Rule out tokens that would end a run of n that a row has written, in place.

    Args:
        scores: (B, V).
        text_ids: (B, T), ending with the newest token of each row; before its first one, tokens
            that are never written.
        n: tokens of a run.
    """
    if text_ids.shape[1] < n:
        return
    runs = text_ids.unfold(1, n, 1)  # (B, T - n + 1, n)
    tail = text_ids[:, text_ids.shape[1] - n + 1 :]  # (B, n - 1)
    same = (runs[:, :, :-1] == tail[:, None]).all(dim=2)  # (B, T - n + 1)
    last = runs[:, :, -1]
    scores.scatter_reduce_(1, last, torch.where(same, -torch.inf, scores.gather(1, last)), "amin")


def pick(scores: torch.Tensor, uniform: torch.Tensor, config: GenerateConfig) -> torch.Tensor:
    """Draw a token for each row, or take the likeliest.

    Args:
        scores: (B, V), logits.
        uniform: (B,), random numbers from 0 to 1; one decides what its row draws.
        config: the settings of the sampling.

    Returns:
        (B,), token ids.
    """
    if not config.do_sample:
        return scores.argmax(dim=1)
    scores = scores / config.temperature
    if config.top_p == 1 and not config.top_k:
        probabilities = scores.softmax(dim=1)
        if config.min_p:
            least = config.min_p * probabilities.max(dim=1, keepdim=True).values
            probabilities = probabilities * (probabilities >= least)
        return _draw(probabilities, uniform)
    n = min(config.top_k or _SORTED, scores.shape[1])
    values, ids = scores.topk(n, dim=1)  # (B, n), the likeliest first
    total = (values if config.top_k else scores).logsumexp(dim=1, keepdim=True)
    probabilities = (values - total).exp()
    before = probabilities.cumsum(dim=1) - probabilities
    if not config.top_k and n < scores.shape[1]:
        if ((before + probabilities)[:, -1] < config.top_p).any():
            values, ids = scores.sort(dim=1, descending=True)
            probabilities = (values - total).exp()
            before = probabilities.cumsum(dim=1) - probabilities
    kept = (before < config.top_p) & (probabilities >= config.min_p * probabilities[:, :1])
    kept[:, 0] = True
    return ids.gather(1, _draw(probabilities * kept, uniform)[:, None])[:, 0]


def _draw(weights: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
    """Draw by weights, (B, n), that need not add up to 1; (B,)."""
    sums = weights.cumsum(dim=1)
    drawn = torch.searchsorted(sums, uniform[:, None] * sums[:, -1:], right=True)[:, 0]
    # Rounding may reach past the last one with a weight.
    last = (weights > 0).int().cumsum(dim=1).argmax(dim=1)
    return torch.minimum(drawn, last)
