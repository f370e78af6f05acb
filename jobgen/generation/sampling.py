"""Logits -> the next token of each text of a batch, and what each text holds so far.

The filters are those of transformers (temperature, `top_k`, `top_p`, `min_p`, repetition penalty,
n-grams that never repeat), with two differences. Each text draws from random numbers of its own,
so that it does not depend on the texts beside it; and only the likeliest tokens are sorted.
"""

from collections.abc import Sequence

import numpy as np
import torch

from jobgen.common.config import GenerateConfig
from jobgen.generation.guidance import KeywordGuidance
from jobgen.generation.requests import Completion, Request
from jobgen.models.protocols import Tokenizer
from jobgen.models.sequence import never_written

_SORTED = 256  # likeliest tokens that are sorted; all are, where these do not hold top_p


class Sampler:
    """Draws the tokens of the texts of a batch, one text in each slot.

    Args:
        tokenizer: the tokenizer of the model, with the special tokens.
        vocab_size: the size of the logits, V.
        batch_size: the number of slots, B.
        config: lengths, sampling settings, seed, guidance.
        device: where the logits are.
        keywords: the keywords of each request that will come.

    Attributes:
        requests: the request in each slot; None: the slot is free.
        tokens: (B,), the token drawn last in each slot.
        active: (B,), 1, or 0 for a free slot.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        vocab_size: int,
        batch_size: int,
        config: GenerateConfig,
        device: torch.device,
        keywords: Sequence[Sequence[str]],
    ):
        self.tokenizer, self.config, self.device = tokenizer, config, device
        self.requests: list[Request | None] = [None] * batch_size
        self.forbidden = torch.tensor(never_written(tokenizer, vocab_size), device=device)

        def zeros(*shape: int, dtype: torch.dtype = torch.long) -> torch.Tensor:
            return torch.zeros(batch_size, *shape, dtype=dtype, device=device)

        self.tokens, self.active, self.prompt_lengths, self.text_lengths = (
            zeros() for _ in range(4)
        )
        self.nats = zeros(dtype=torch.float64)
        self.uniform = zeros(config.max_length, dtype=torch.float32)
        # (B, max_length), the newest token in the last column.
        self.text_ids = zeros(config.max_length) + tokenizer.pad_token_id
        self.guidance: KeywordGuidance | None = None
        if config.guidance != "off":
            self.guidance = KeywordGuidance(
                tokenizer, vocab_size, config.guidance, keywords, batch_size, device
            )

    def free_slots(self) -> list[int]:
        """The slots without a text."""
        return [slot for slot, request in enumerate(self.requests) if request is None]

    def used_slots(self) -> list[int]:
        """The slots with a text."""
        return [slot for slot, request in enumerate(self.requests) if request is not None]

    def unfinished(self) -> list[Request]:
        """The requests that have begun and not ended."""
        return [request for request in self.requests if request is not None]

    def lengths(self) -> torch.Tensor:
        """Tokens of each prompt and text together, (B,)."""
        return self.prompt_lengths + self.text_lengths

    def add_request(self, slot: int, request: Request) -> None:
        """Begin the text of a request in a free slot."""
        self.requests[slot] = request
        self.prompt_lengths[slot], self.text_lengths[slot] = len(request.ids), 0
        self.nats[slot], self.active[slot] = 0, 1
        self.text_ids[slot] = self.tokenizer.pad_token_id
        draw = np.random.default_rng([self.config.seed, request.prompt, request.candidate])
        uniform = draw.random(self.config.max_length, np.float32)
        self.uniform[slot] = torch.from_numpy(uniform).to(self.device)
        if self.guidance:
            self.guidance.add_request(slot, request.keywords)

    @torch.no_grad()
    def sample(self, logits: torch.Tensor) -> list[tuple[Request, Completion]]:
        """Draw the next token of each text, into `tokens`.

        Args:
            logits: (B, V), float32.

        Returns:
            The requests whose texts have ended with it; their slots are free.
        """
        config, scores = self.config, logits.clone()
        slots = torch.arange(len(scores), device=scores.device)
        # 1. Penalties look at what each text holds so far.
        longest = int(self.text_lengths.max())
        written = self.text_ids[:, self.text_ids.shape[1] - longest :]  # (B, longest)
        if longest and config.repetition_penalty != 1:
            penalize_repetition(scores, written, config.repetition_penalty)
        if config.no_repeat_ngram_size:
            forbid_repeated_ngrams(scores, written, config.no_repeat_ngram_size)
        # 2. Special tokens are never written; the end token waits for min_length.
        scores[:, self.forbidden] = -torch.inf
        lengths = self.lengths()
        if self.guidance:
            self.guidance.adjust(scores, self.text_lengths, config.max_length - lengths)
        if config.min_length:
            scores[lengths < config.min_length, self.tokenizer.eos_token_id] = -torch.inf
        # 3. Draw, with the next random number of each text.
        uniform = self.uniform[slots, self.text_lengths.clamp(max=config.max_length - 1)]
        self.tokens = pick(scores, uniform, config)
        # 4. Take note of the token; its likelihood is that of the model itself.
        self.nats += logits.logsumexp(dim=1) - logits[slots, self.tokens]
        self.text_ids = self.text_ids.roll(-1, dims=1)
        self.text_ids[:, -1] = self.tokens
        self.text_lengths += self.active
        if self.guidance:
            self.guidance.observe(self.tokens, self._ids_of)
        # 5. A text ends with the end token, or at max_length.
        ended = self.tokens == self.tokenizer.eos_token_id
        ended |= self.lengths() >= config.max_length
        ended_slots = ended.nonzero()[:, 0].tolist() if ended.any() else []
        return [
            self._complete(slot, request)
            for slot in ended_slots
            if (request := self.requests[slot]) is not None
        ]

    def _ids_of(self, slot: int) -> list[int]:
        return self.text_ids[slot, self.text_ids.shape[1] - int(self.text_lengths[slot]) :].tolist()

    def _complete(self, slot: int, request: Request) -> tuple[Request, Completion]:
        """Take a text out of its slot."""
        ids = self._ids_of(slot)
        self.requests[slot], self.active[slot] = None, 0
        finished = ids[-1] == self.tokenizer.eos_token_id
        return request, Completion(ids[:-1] if finished else ids, finished, float(self.nats[slot]))

    def compact(self, slots: torch.Tensor) -> None:
        """Drop all slots but these."""
        self.requests = [self.requests[slot] for slot in slots.tolist()]
        for name in (
            *("tokens", "active", "prompt_lengths", "text_lengths"),
            *("nats", "uniform", "text_ids"),
        ):
            setattr(self, name, getattr(self, name)[slots])
        if self.guidance:
            self.guidance.compact(slots)


def penalize_repetition(scores: torch.Tensor, text_ids: torch.Tensor, penalty: float) -> None:
    """Make tokens that a text holds already less likely, in place (Keskar et al. 2019).

    Args:
        scores: (B, V).
        text_ids: (B, T), the texts so far; a shorter one is padded with a token that is never
            written.
        penalty: a number above 1; the larger, the less likely.
    """
    written = scores.gather(1, text_ids)  # (B, T)
    scores.scatter_(1, text_ids, torch.where(written < 0, written * penalty, written / penalty))


def forbid_repeated_ngrams(scores: torch.Tensor, text_ids: torch.Tensor, n: int) -> None:
    """Rule out tokens that would repeat an n-gram of the text, in place.

    Args:
        scores: (B, V).
        text_ids: (B, T), the texts so far, with the newest token in the last column; a shorter one
            is padded on the left with a token that is never written.
        n: the number of tokens in an n-gram.
    """
    if text_ids.shape[1] < n:
        return
    ngrams = text_ids.unfold(1, n, 1)  # (B, T - n + 1, n)
    tail = text_ids[:, text_ids.shape[1] - n + 1 :]  # (B, n - 1)
    same = (ngrams[:, :, :-1] == tail[:, None]).all(dim=2)  # (B, T - n + 1)
    last = ngrams[:, :, -1]
    scores.scatter_reduce_(1, last, torch.where(same, -torch.inf, scores.gather(1, last)), "amin")


def pick(scores: torch.Tensor, uniform: torch.Tensor, config: GenerateConfig) -> torch.Tensor:
    """Draw a token for each text, or take the likeliest.

    Args:
        scores: (B, V), logits.
        uniform: (B,), a random number from 0 to 1 for each text, which decides what is drawn.
        config: the sampling settings.

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
        # The distribution of these texts is so flat that all tokens must be sorted.
        slots = (~enough).nonzero()[:, 0]
        tokens[slots], _ = _pick_sorted(scores[slots], uniform[slots], config, scores.shape[1])
    return tokens


def _pick_sorted(
    scores: torch.Tensor, uniform: torch.Tensor, config: GenerateConfig, n: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """`pick` from the n likeliest tokens, (B,), and whether these hold `top_p`, (B,)."""
    values, ids = scores.topk(min(n, scores.shape[1]), dim=1)  # (B, n), likeliest first
    total = (values if config.top_k else scores).logsumexp(dim=1, keepdim=True)
    probabilities = (values - total).exp()
    sums = probabilities.cumsum(dim=1)
    before = sums - probabilities
    kept = (before < config.top_p) & (probabilities >= config.min_p * probabilities[:, :1])
    kept[:, 0] = True
    tokens = ids.gather(1, _draw(probabilities * kept, uniform)[:, None])[:, 0]
    return tokens, sums[:, -1] >= config.top_p


def _draw(weights: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
    """Draw columns, (B,), by weights, (B, n), which need not add up to 1."""
    sums = weights.cumsum(dim=1)
    drawn = torch.searchsorted(sums, uniform[:, None] * sums[:, -1:], right=True)[:, 0]
    # Rounding may reach past the last column that has a weight.
    last = (weights > 0).int().cumsum(dim=1).argmax(dim=1)
    return torch.minimum(drawn, last)
