"""Keyword-guided decoding: the tokens of missing keywords become more likely.

In the manner of Keyword2Text (Pascual et al. 2021), which adds to the logits of tokens near to the
keywords, more and more as the text grows. Here the keyword itself is to be written. The numbers are
those in `KeywordGuidance.adjust`:

1. The first token of each missing keyword gets a bonus. The bonus grows with the tokens written
   since the last keyword, so a keyword is written where the model finds it least unlikely, and in
   the end even where it is unlikely. Keywords that the text mentions get none.
2. A keyword that was begun is finished: its next token gets a large bonus.
3. A keyword that was just written is held back for some tokens, so that it is not repeated.
4. The last word of a finished keyword is not continued to a longer word (`C` to `Cooking`).
5. The end of the text is unlikely while keywords are missing; with "hard" it is impossible.
6. The temperature is slightly lower, because constrained text drifts more easily.
7. "hard" writes what is missing as soon as there is just enough room left for it: missing
   keywords, commas between them, and a full stop.

Each step of the batch is a few tensor operations over all slots and keywords. Only the check which
keywords are missing reads the text itself, by stems: after a keyword was finished, and now and then
because the model may mention one in its own words.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Literal

import torch

from jobgen.models.protocols import Tokenizer
from jobgen.text.characters import remove_control_characters
from jobgen.text.coverage import covered_by_stems

# In logits. EXPERIMENTS.md has what other values gave.
_FIRST_BONUS = 1.0
_GROWTH = 5.0  # of the bonus, over the tokens that a keyword may wait for its turn
_MAX_BONUS = 16.0
_FINISH_BONUS = 16.0
_HOLD_BACK = 8.0
_HOLD_END = 5.0
_CONTINUED_WORD = 6.0

_COOLING = 0.985  # factor of the temperature of guided texts

# The last word of a text, which may still grow; also if it is a character of which only the first
# bytes are there.
_LAST_WORD = re.compile(r"[\w\ufffd][\w+#\ufffd]*\Z")
_INTERVAL = 24  # tokens that a keyword may wait for its turn, at most
_BY = 0.6  # share of the room by which all keywords should be written
_LATE = 0.15  # share of the room left, from which "soft" lets a text end without its keywords
_PAUSE = 12  # tokens for which a keyword that was written is held back
_CHECK_EVERY = 24  # tokens
# The room that "hard" keeps, in tokens.
_SEPARATOR = 2  # between two keywords
_RESERVE = 8  # for the end of the sentence after them


@dataclass
class _Variants:
    """The N ways to write the K keywords of a prompt: after a blank or not, with a capital or not.

    Attributes:
        ids: (N, L), tokens, padded with -1.
        lengths: (N,), number of tokens.
        keyword: (N,), the number of the keyword that it writes, 0 to K - 1.
        has_space: (N,), whether it begins with a blank; without one it may only begin a line, or
            follow an opening bracket and the like.
    """

    ids: torch.Tensor
    lengths: torch.Tensor
    keyword: torch.Tensor
    has_space: torch.Tensor


@dataclass
class _State:
    """What guidance knows of each slot. N and K are the most of any prompt."""

    ids: torch.Tensor  # (B, N, L), as in _Variants
    lengths: torch.Tensor  # (B, N), 0: no variant
    keyword: torch.Tensor  # (B, N)
    has_space: torch.Tensor  # (B, N)
    cost: torch.Tensor  # (B, K), most tokens that a keyword takes
    progress: torch.Tensor  # (B, N), number of tokens of a variant that the text ends with
    missing: torch.Tensor  # (B, K), whether the text does not mention the keyword yet
    pause: torch.Tensor  # (B, K), tokens for which the keyword is still held back
    since_keyword: torch.Tensor  # (B,), tokens since the text mentioned another keyword
    since_check: torch.Tensor  # (B,), tokens since the text was checked
    since_finish: torch.Tensor  # (B,), 1 right after a keyword was finished, then 2...; 0: never
    can_open: torch.Tensor  # (B,), whether a word may begin without a blank


class KeywordGuidance:
    """Guides the texts of a batch.

    Args:
        tokenizer: the tokenizer of the model.
        vocab_size: the size of the logits, V.
        mode: "soft" or "hard".
        keywords: the keywords of each request that will come.
        batch_size: the number of slots, B.
        device: where the logits are.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        vocab_size: int,
        mode: Literal["soft", "hard"],
        keywords: Sequence[Sequence[str]],
        batch_size: int,
        device: torch.device,
    ):
        self.tokenizer, self.is_hard, self.device = tokenizer, mode == "hard", device
        self.end = tokenizer.eos_token_id
        token_texts = tokenizer.batch_decode([[i] for i in range(len(tokenizer))])
        token_texts += [""] * (vocab_size - len(token_texts))
        continues = [text[:1].isalnum() for text in token_texts]
        opens = [text != "" and text[-1] in "\n(/-\"'" for text in token_texts]
        # (V,): tokens that continue a word, and tokens after which a word needs no blank.
        self.continues_word = torch.tensor(continues, device=device)
        self.opens_word = torch.tensor(opens, device=device)
        self.comma, self.stop = (self._encode(mark)[-1] for mark in (",", "."))
        self.variants = {tuple(words): self._find_variants(words) for words in keywords}
        n = max(len(variants.lengths) for variants in self.variants.values())
        longest = max(variants.ids.shape[1] for variants in self.variants.values())
        k = max(1, max(map(len, self.variants)))
        self.keywords: list[Sequence[str]] = [()] * batch_size

        def zeros(*shape: int, dtype: torch.dtype = torch.long) -> torch.Tensor:
            return torch.zeros(batch_size, *shape, dtype=dtype, device=device)

        self.state = _State(
            ids=zeros(n, longest) - 1,
            lengths=zeros(n),
            keyword=zeros(n),
            has_space=zeros(n, dtype=torch.bool),
            cost=zeros(k),
            progress=zeros(n),
            missing=zeros(k, dtype=torch.bool),
            pause=zeros(k),
            since_keyword=zeros(),
            since_check=zeros(),
            since_finish=zeros(),
            can_open=zeros(dtype=torch.bool),
        )

    def _encode(self, text: str) -> list[int]:
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]

    def _find_variants(self, keywords: Sequence[str]) -> _Variants:
        by_ids: dict[tuple[int, ...], tuple[int, bool]] = {}
        for number, keyword in enumerate(keywords):
            for before, has_space in (("a ", True), ("\n", False)):
                for text in (keyword, keyword[:1].upper() + keyword[1:]):
                    if ids := self._encode_after(before, text):
                        by_ids.setdefault(ids, (number, has_space))
        longest = max(map(len, by_ids), default=1)
        padded = [[*ids, *[-1] * (longest - len(ids))] for ids in by_ids]
        return _Variants(
            ids=torch.tensor(padded, dtype=torch.long).reshape(-1, longest),
            lengths=torch.tensor([len(ids) for ids in by_ids], dtype=torch.long),
            keyword=torch.tensor([number for number, _ in by_ids.values()], dtype=torch.long),
            has_space=torch.tensor([space for _, space in by_ids.values()], dtype=torch.bool),
        )

    def _encode_after(self, before: str, text: str) -> tuple[int, ...]:
        """The tokens of a text after another; none where the tokenizer merges the two."""
        start, both = self._encode(before.rstrip(" ")), self._encode(before + text)
        return tuple(both[len(start) :]) if both[: len(start)] == start else ()

    def add_request(self, slot: int, keywords: Sequence[str]) -> None:
        """Begin a new text in a slot."""
        variants, state = self.variants[tuple(keywords)], self.state
        self.keywords[slot] = keywords
        for field in fields(state):
            getattr(state, field.name)[slot] = 0
        state.ids[slot] = -1
        n = len(variants.lengths)
        state.ids[slot, :n, : variants.ids.shape[1]] = variants.ids.to(self.device)
        for name in ("lengths", "keyword", "has_space"):
            getattr(state, name)[slot, :n] = getattr(variants, name).to(self.device)
        for number in range(len(keywords)):
            lengths = variants.lengths[variants.keyword == number]
            if len(lengths):
                state.missing[slot, number] = True
                state.cost[slot, number] = int(lengths.max())
        state.can_open[slot] = True

    def compact(self, slots: torch.Tensor) -> None:
        """Drop all slots but these."""
        self.keywords = [self.keywords[slot] for slot in slots.tolist()]
        for field in fields(self.state):
            setattr(self.state, field.name, getattr(self.state, field.name)[slots])

    def adjust(self, scores: torch.Tensor, written: torch.Tensor, room: torch.Tensor) -> None:
        """Change the scores of the next token, in place.

        Args:
            scores: (B, V), logits.
            written: (B,), tokens that each text has.
            room: (B,), tokens that it may still have, the end token among them.
        """
        state = self.state
        n_missing = state.missing.sum(dim=1)  # (B,)
        is_missing = n_missing > 0
        begun = state.progress > 0  # (B, N)
        # The variants that may come next: of missing keywords, begun or at the start of a word.
        due = state.missing.gather(1, state.keyword) & (state.lengths > 0)  # (B, N)
        due &= begun | state.has_space | state.can_open[:, None]
        held_back = (state.pause > 0).gather(1, state.keyword) & (state.lengths > 0)
        next_ids = state.ids.gather(2, state.progress[:, :, None])[:, :, 0].clamp(min=0)  # (B, N)
        next_scores = scores.gather(1, next_ids)
        # 1. The bonus of missing keywords, 2. and of those that were begun. They are added last,
        #    so that no other step takes them back.
        left = (_BY * (written + room) - written).clamp(min=1)
        interval = (left / n_missing.clamp(min=1)).clamp(max=_INTERVAL)
        bonus = (_FIRST_BONUS + _GROWTH * state.since_keyword / interval).clamp(max=_MAX_BONUS)
        bonus = torch.where(begun, _FINISH_BONUS, bonus[:, None])  # (B, N)
        raised = torch.where(due & ~held_back, next_scores + bonus, -torch.inf)
        # 3. Hold back what was just written.
        lowered = torch.where(held_back & ~begun, next_scores - _HOLD_BACK, torch.inf)
        scores.scatter_reduce_(1, next_ids, lowered, "amin")
        # 4. Do not continue the last word of a keyword.
        just_finished = state.since_finish == 1
        if just_finished.any():
            slots = just_finished.nonzero()[:, 0]
            scores[slots] -= _CONTINUED_WORD * self.continues_word.to(scores.dtype)
        # 5. Do not end while keywords are missing.
        end = scores[:, self.end]
        is_late = room < _LATE * (written + room)
        hold = torch.inf if self.is_hard else torch.where(is_late, 0.0, _HOLD_END)
        scores[:, self.end] = torch.where(is_missing, end - hold, end)
        # 1. and 2., now added.
        scores.scatter_reduce_(1, next_ids, raised, "amax")
        # 6. Lower the temperature.
        is_guided = (state.lengths > 0).any(dim=1, keepdim=True)  # (B, 1)
        scores /= torch.where(is_guided, _COOLING, 1.0)
        # 7. Write what is missing while there is room for it.
        if self.is_hard:
            need = ((state.cost + _SEPARATOR) * state.missing).sum(dim=1) + _RESERVE
            slots = (is_missing & (room <= need)).nonzero()[:, 0]
            if len(slots):
                self._allow_only_keywords(scores, slots, due, next_ids)

    def _allow_only_keywords(
        self, scores: torch.Tensor, slots: torch.Tensor, due: torch.Tensor, next_ids: torch.Tensor
    ) -> None:
        """Leave some slots nothing but missing keywords, commas, and a full stop.

        Args:
            scores: (B, V), changed in place.
            slots: (S,), those slots.
            due: (B, N), the variants that may come next.
            next_ids: (B, N), the next token of each variant.
        """
        # What was begun comes first; of that, the variant that has come farthest.
        progress = self.state.progress[slots] * due[slots]  # (S, N)
        farthest = (progress > 0) & (progress == progress.amax(dim=1, keepdim=True))
        target = torch.where(farthest.any(dim=1, keepdim=True), farthest, due[slots])
        only = torch.full_like(scores[slots], -torch.inf)  # (S, V)
        ids = next_ids[slots]
        only.scatter_reduce_(
            1, ids, torch.where(target, scores[slots].gather(1, ids), -torch.inf), "amax"
        )
        # A comma follows a keyword, and a full stop the last one; so they do where none may begin.
        between = (self.state.since_finish[slots] == 1) | ~target.any(dim=1)
        only[between] = -torch.inf
        is_last = self.state.missing[slots].sum(dim=1) == 1
        only[between & is_last, self.stop] = 0
        only[between & ~is_last, self.comma] = 0
        scores[slots] = only

    def observe(self, tokens: torch.Tensor, ids_of: Callable[[int], list[int]]) -> None:
        """Take note of what was written.

        Args:
            tokens: (B,), the newest token of each text.
            ids_of: slot -> all tokens of its text, the newest among them.
        """
        state = self.state
        # 1. Follow each variant through the text.
        next_ids = state.ids.gather(2, state.progress[:, :, None])[:, :, 0]
        continues = (next_ids == tokens[:, None]) & (state.progress > 0)
        begins = state.ids[:, :, 0] == tokens[:, None]
        begins &= state.has_space | state.can_open[:, None]
        progress = torch.where(continues, state.progress + 1, begins.long())
        done = (progress == state.lengths) & (state.lengths > 0)  # (B, N)
        state.progress = progress.masked_fill(done, 0)
        # 2. Hold back what was just written, and count the tokens since then.
        state.pause = (state.pause - 1).clamp(min=0)
        state.pause.scatter_reduce_(1, state.keyword, _PAUSE * done.long(), "amax")
        state.can_open = self.opens_word[tokens]
        state.since_keyword += 1
        state.since_check += 1
        state.since_finish = torch.where(state.since_finish > 0, state.since_finish + 1, 0)
        state.since_finish = torch.where(done.any(dim=1), 1, state.since_finish)
        # 3. Check the text, one token after a keyword was finished: only then it is clear that its
        #    last word is not continued.
        due = (state.since_finish == 2) | (state.since_check >= _CHECK_EVERY)
        for slot in due.nonzero()[:, 0].tolist():
            self._check(slot, ids_of(slot))

    def _check(self, slot: int, ids: list[int]) -> None:
        """Find out which keywords a text does not mention yet."""
        state, keywords = self.state, self.keywords[slot]
        text = remove_control_characters(self.tokenizer.decode(ids, skip_special_tokens=True))
        is_half_written = text.endswith("\ufffd")
        text = _LAST_WORD.sub("", text)
        covered = torch.tensor(
            covered_by_stems(text, keywords), dtype=torch.bool, device=self.device
        )
        missing = torch.zeros_like(state.missing[slot])
        missing[: len(keywords)] = ~covered
        missing &= state.cost[slot] > 0
        if int(missing.sum()) < int(state.missing[slot].sum()):
            state.since_keyword[slot] = 0
        state.missing[slot] = missing
        # A character that is half written is checked again with the next token.
        state.since_check[slot] = _CHECK_EVERY if is_half_written else 0
