"""Logits -> the next token of each text of a batch, and what each has written so far.

The filters are transformers' (temperature, `top_k`, `top_p`, `min_p`, repetition penalty, n-grams
that never repeat), with two differences: each row draws from random numbers of its own, so that its
text does not depend on the rows beside it; and only the likeliest tokens are sorted.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from jobgen.common.config import GenerateConfig
from jobgen.generation.guidance import KeywordGuidance
from jobgen.generation.requests import Completion, Request
from jobgen.models.sequence import never_written

_SORTED = 256  # likeliest tokens that are sorted; where they do not hold top_p, all are


class Sampler:
    """Draws the tokens of texts that are written at the same time, one a row.

    Args:
        tokenizer: of the model, with the special tokens.
        vocabulary: size of the logits.
        rows: of the batch.
        config: lengths, sampling settings, seed, guidance.
        device: of the logits.
        keywords: of all texts that will come.

    Attributes:
        requests: of each row; None: a free place.
        tokens: (B,), what was drawn last.
    """

    def __init__(
        self,
        tokenizer: Any,
        vocabulary: int,
        rows: int,
        config: GenerateConfig,
        device: torch.device,
        keywords: Sequence[Sequence[str]],
    ):
        self.tokenizer, self.config, self.device = tokenizer, config, device
        self.requests: list[Request | None] = [None] * rows
        self.never = torch.tensor(never_written(tokenizer, vocabulary), device=device)
        self.n_prompt = torch.zeros(rows, dtype=torch.long, device=device)
        self.n_text = torch.zeros(rows, dtype=torch.long, device=device)
        self.alive = torch.zeros(rows, dtype=torch.long, device=device)  # 1, or 0: a free place
        self.nats = torch.zeros(rows, dtype=torch.float64, device=device)
        self.uniform = torch.zeros(rows, config.max_length, device=device)
        # (B, max_length), the newest token in the last column.
        self.text_ids = torch.full((rows, config.max_length), tokenizer.pad_token_id, device=device)
        self.tokens = torch.zeros(rows, dtype=torch.long, device=device)
        self.guidance = None
        if config.guidance != "off":
            self.guidance = KeywordGuidance(
                tokenizer, vocabulary, config.guidance, keywords, rows, device
            )

    def free_slots(self) -> list[int]:
        """The rows without a text."""
        return [row for row, request in enumerate(self.requests) if request is None]

    def unfinished(self) -> list[Request]:
        """The tasks that have begun and not ended."""
        return [request for request in self.requests if request]

    def lengths(self) -> torch.Tensor:
        """Tokens of each prompt and text, (B,)."""
        return self.n_prompt + self.n_text

    def add_request(self, row: int, request: Request) -> None:
        """A text begins in a free row."""
        self.requests[row] = request
        self.n_prompt[row], self.n_text[row] = len(request.ids), 0
        self.nats[row], self.alive[row] = 0, 1
        self.text_ids[row] = self.tokenizer.pad_token_id
        own = np.random.default_rng([self.config.seed, request.prompt, request.candidate])
        uniform = own.random(self.config.max_length, np.float32)
        self.uniform[row] = torch.from_numpy(uniform).to(self.device)
        if self.guidance:
            self.guidance.add_request(row, request.keywords)

    @torch.no_grad()
    def sample(self, logits: torch.Tensor) -> list[tuple[Request, Completion]]:
        """Draw the next token of each row, into `tokens`.

        Args:
            logits: (B, V), float32.

        Returns:
            What has ended with it; its rows are free.
        """
        config, scores = self.config, logits.clone()
        rows = torch.arange(len(scores), device=scores.device)
        most = int(self.n_text.max())
        written = self.text_ids[:, self.text_ids.shape[1] - most :]  # (B, most)
        if most and config.repetition_penalty != 1:
            penalize_repetition(scores, written, config.repetition_penalty)
        if config.no_repeat_ngram_size:
            forbid_repeated_ngrams(scores, written, config.no_repeat_ngram_size)
        scores[:, self.never] = -torch.inf
        length = self.lengths()
        if self.guidance:
            self.guidance.adjust(scores, self.n_text, config.max_length - length)
        if config.min_length:
            scores[length < config.min_length, self.tokenizer.eos_token_id] = -torch.inf
        uniform = self.uniform[rows, self.n_text.clamp(max=config.max_length - 1)]
        self.tokens = pick(scores, uniform, config)
        self.nats += logits.logsumexp(dim=1) - logits[rows, self.tokens]
        self.text_ids = self.text_ids.roll(-1, dims=1)
        self.text_ids[:, -1] = self.tokens
        self.n_text += self.alive
        if self.guidance:
            self.guidance.observe(self.tokens, self._ids_of)
        ended = self.tokens == self.tokenizer.eos_token_id
        ended |= self.lengths() >= config.max_length
        places = ended.nonzero()[:, 0].tolist() if ended.any() else []
        return [self._result(place) for place in places if self.requests[place]]

    def _ids_of(self, row: int) -> list[int]:
        return self.text_ids[row, self.text_ids.shape[1] - int(self.n_text[row]) :].tolist()

    def _result(self, row: int) -> tuple[Request, Completion]:
        request, ids = self.requests[row], self._ids_of(row)
        self.requests[row], self.alive[row] = None, 0
        finished = ids[-1] == self.tokenizer.eos_token_id
        return request, Completion(ids[:-1] if finished else ids, finished, float(self.nats[row]))

    def compact(self, rows: torch.Tensor) -> None:
        """Drop all rows but these."""
        self.requests = [self.requests[row] for row in rows.tolist()]
        for name in ("n_prompt", "n_text", "alive", "nats", "uniform", "text_ids", "tokens"):
            setattr(self, name, getattr(self, name)[rows])
        if self.guidance:
            self.guidance.compact(rows)


def penalize_repetition(scores: torch.Tensor, text_ids: torch.Tensor, penalty: float) -> None:
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
    tokens, enough = _pick_sorted(scores, uniform, config, config.top_k or _SORTED)
    if not config.top_k and not enough.all():
        rows = (~enough).nonzero()[:, 0]
        everything = _pick_sorted(scores[rows], uniform[rows], config, scores.shape[1])
        tokens[rows] = everything[0]
    return tokens


def _pick_sorted(
    scores: torch.Tensor, uniform: torch.Tensor, config: GenerateConfig, n: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """`pick` from the n likeliest, (B,); and whether these hold `top_p`, (B,)."""
    values, ids = scores.topk(min(n, scores.shape[1]), dim=1)  # (B, n), the likeliest first
    total = (values if config.top_k else scores).logsumexp(dim=1, keepdim=True)
    probabilities = (values - total).exp()
    sums = probabilities.cumsum(dim=1)
    before = sums - probabilities
    kept = (before < config.top_p) & (probabilities >= config.min_p * probabilities[:, :1])
    kept[:, 0] = True
    tokens = ids.gather(1, _draw(probabilities * kept, uniform)[:, None])[:, 0]
    return tokens, sums[:, -1] >= config.top_p


def _draw(weights: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
    """Draw by weights, (B, n), that need not add up to 1; (B,)."""
    sums = weights.cumsum(dim=1)
    drawn = torch.searchsorted(sums, uniform[:, None] * sums[:, -1:], right=True)[:, 0]
    # Rounding may reach past the last one with a weight.
    last = (weights > 0).int().cumsum(dim=1).argmax(dim=1)
    return torch.minimum(drawn, last)
