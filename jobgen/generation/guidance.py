"""Keyword-guided decoding: the tokens of keywords that are still missing become more likely.

In the manner of Keyword2Text (Pascual et al. 2021), which adds to the logits of tokens near to the
keywords, more and more as the text grows. Here the keyword itself is to be written:

1. The next token of each missing keyword gets a bonus. It grows with the tokens written since the
   last keyword came in, so a keyword is written where the model finds it least unlikely, and at
   last where it is not likely at all. What is in gets none.
2. A keyword that was begun is finished, and its last word is not continued to another one.
3. The same keyword is held back for some tokens after it was written.
4. The end of the text is unlikely while keywords are missing.
5. `hard` keeps room for what is missing, forbids the end before, and writes it there.
6. The temperature is a little lower: a text that was led off the model's own way strays farther.

Nothing here loops over rows or keywords while tokens are written, but for the check of the text:
what is in is decided on the text itself, by stems, after a keyword was finished, and now and then.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

import torch

from jobgen.text.characters import remove_control_characters
from jobgen.text.coverage import covered_by_stems

# Logits. EXPERIMENTS.md has what others gave.
_FIRST_BONUS = 1.0
_GROWTH = 5.0  # of the bonus, over the tokens that a keyword may take to come in
_MOST_BONUS = 16.0
_FINISH = 16.0
_HOLD_BACK = 8.0
_HOLD_END = 5.0
_CONTINUED_WORD = 6.0
_COOLING = 0.985  # of the temperature of texts that are guided

_OPENING = ("\n", "(", "/", "-", '"', "'")  # behind which a word needs no blank
# With what may become a letter of it: a character of which only the first bytes are there.
_LAST_WORD = re.compile(r"[\w\ufffd][\w+#\ufffd]*\Z")
_INTERVAL = 24  # tokens that a keyword may take to come in, at most
_BY = 0.6  # share of the room by which all are to be in
_PAUSE = 12  # tokens for which a keyword that was written is held back
_CHECK_EVERY = 24  # tokens
_SEPARATOR = 2  # tokens between two keywords that are written at the end
_RESERVE = 8  # tokens for the end of the sentence after them


@dataclass
class KeywordVariants:
    """How the keywords of a prompt may be written.

    Attributes:
        ids: (N, L), tokens, padded with -1.
        lengths: (N,).
        keyword: (N,), which one it is.
        spaced: (N,), whether it begins with a blank.
    """

    ids: torch.Tensor
    lengths: torch.Tensor
    keyword: torch.Tensor
    spaced: torch.Tensor


@dataclass
class _State:
    """Of each row of the batch; the first dimension of all is B."""

    ids: torch.Tensor  # (B, N, L)
    lengths: torch.Tensor  # (B, N), 0: no variant
    keyword: torch.Tensor  # (B, N)
    spaced: torch.Tensor  # (B, N)
    cost: torch.Tensor  # (B, K), tokens that a keyword may need
    progress: torch.Tensor  # (B, N), tokens of a variant that the text ends with
    missing: torch.Tensor  # (B, K)
    pause: torch.Tensor  # (B, K), tokens for which it is held back
    since: torch.Tensor  # (B,), tokens since a keyword came in
    unchecked: torch.Tensor  # (B,), tokens since the text was checked
    finished: torch.Tensor  # (B,), tokens since a keyword was finished
    open: torch.Tensor  # (B,), whether a word may begin without a blank


class KeywordGuidance:
    """Guides the rows of a batch.

    Args:
        tokenizer: of the model.
        vocabulary: size of the logits.
        mode: "soft" or "hard".
        keywords: of all rows that will come.
        rows: of the batch.
        device: of the logits.
    """

    def __init__(
        self,
        tokenizer: Any,
        vocabulary: int,
        mode: Literal["soft", "hard"],
        keywords: Sequence[Sequence[str]],
        rows: int,
        device: torch.device,
    ):
        self.tokenizer, self.hard, self.device = tokenizer, mode == "hard", device
        self.end = tokenizer.eos_token_id
        texts = tokenizer.batch_decode([[i] for i in range(len(tokenizer))])
        texts += [""] * (vocabulary - len(texts))
        table = {"device": device, "dtype": torch.bool}
        self.continues = torch.tensor([text[:1].isalnum() for text in texts], **table)  # (V,)
        self.opens = torch.tensor(
            [text[-1:] in "\n(/-\"'" and text != "" for text in texts], **table
        )
        self.comma, self.stop = (
            tokenizer.encode(mark, add_special_tokens=False)[-1] for mark in (",", ".")
        )
        self.plans = {tuple(words): self._plan(words) for words in keywords}
        n = max(len(plan.lengths) for plan in self.plans.values())
        longest = max(plan.ids.shape[1] for plan in self.plans.values())
        k = max(1, max(map(len, self.plans)))
        self.words: list[Sequence[str]] = [()] * rows

        def zeros(*shape: int, dtype: torch.dtype = torch.long) -> torch.Tensor:
            return torch.zeros(rows, *shape, dtype=dtype, device=device)

        self.state = _State(
            ids=zeros(n, longest) - 1,
            lengths=zeros(n),
            keyword=zeros(n),
            spaced=zeros(n, dtype=torch.bool),
            cost=zeros(k),
            progress=zeros(n),
            missing=zeros(k, dtype=torch.bool),
            pause=zeros(k),
            since=zeros(),
            unchecked=zeros(),
            finished=zeros(),
            open=zeros(dtype=torch.bool),
        )

    def _plan(self, keywords: Sequence[str]) -> KeywordVariants:
        """The variants of some keywords."""
        found: dict[tuple[int, ...], tuple[int, bool]] = {}
        for index, keyword in enumerate(keywords):
            for before, spaced in (("a ", True), ("\n", False)):
                for text in (keyword, keyword[:1].upper() + keyword[1:]):
                    if ids := self._encode_behind(before, text):
                        found.setdefault(ids, (index, spaced))
        longest = max(map(len, found), default=1)
        ids = [[*variant, *[-1] * (longest - len(variant))] for variant in found]
        return KeywordVariants(
            ids=torch.tensor(ids, dtype=torch.long).reshape(-1, longest),
            lengths=torch.tensor([len(variant) for variant in found], dtype=torch.long),
            keyword=torch.tensor([index for index, _ in found.values()], dtype=torch.long),
            spaced=torch.tensor([spaced for _, spaced in found.values()], dtype=torch.bool),
        )

    def _encode_behind(self, before: str, text: str) -> tuple[int, ...]:
        """The tokens of a text behind others; none where the tokenizer merges both."""
        start, both = (
            self.tokenizer.encode(part, add_special_tokens=False)
            for part in (before.rstrip(" "), before + text)
        )
        return tuple(both[len(start) :]) if both[: len(start)] == start else ()

    def add_request(self, row: int, keywords: Sequence[str]) -> None:
        """A new text begins in this row."""
        plan, state = self.plans[tuple(keywords)], self.state
        self.words[row] = keywords
        for field in fields(state):
            getattr(state, field.name)[row] = 0
        state.ids[row] = -1
        n = len(plan.lengths)
        state.ids[row, :n, : plan.ids.shape[1]] = plan.ids.to(self.device)
        for name in ("lengths", "keyword", "spaced"):
            getattr(state, name)[row, :n] = getattr(plan, name).to(self.device)
        for index in range(len(keywords)):
            lengths = plan.lengths[plan.keyword == index]
            if len(lengths):
                state.missing[row, index] = True
                state.cost[row, index] = int(lengths.max())
        state.open[row] = True

    def compact(self, rows: torch.Tensor) -> None:
        """Drop all rows but these."""
        self.words = [self.words[row] for row in rows.tolist()]
        for field in fields(self.state):
            setattr(self.state, field.name, getattr(self.state, field.name)[rows])

    def adjust(self, scores: torch.Tensor, written: torch.Tensor, room: torch.Tensor) -> None:
        """Change the scores of the next token, in place.

        Args:
            scores: (B, V), logits.
            written: (B,), tokens of each text.
            room: (B,), tokens that it may still have, the end token among them.
        """
        state = self.state
        missing = state.missing.sum(dim=1)  # (B,)
        some = missing > 0
        left = (_BY * (written + room) - written).clamp(min=1)
        interval = (left / missing.clamp(min=1)).clamp(max=_INTERVAL)
        bonus = (_FIRST_BONUS + _GROWTH * state.since / interval).clamp(max=_MOST_BONUS)  # (B,)
        begun = state.progress > 0
        due = state.missing.gather(1, state.keyword) & (state.lengths > 0)  # (B, N)
        due &= begun | state.spaced | state.open[:, None]
        held_back = (state.pause > 0).gather(1, state.keyword) & (state.lengths > 0)
        target = due & ~held_back
        next_ids = state.ids.gather(2, state.progress[:, :, None])[:, :, 0].clamp(min=0)  # (B, N)
        before = scores.gather(1, next_ids)
        bonus = torch.where(begun, _FINISH, bonus[:, None])
        raised = torch.where(target, before + bonus, -torch.inf)

        lowered = torch.where(held_back & ~begun, before - _HOLD_BACK, torch.inf)
        scores.scatter_reduce_(1, next_ids, lowered, "amin")
        just_finished = state.finished == 1
        if just_finished.any():
            rows = just_finished.nonzero()[:, 0]
            scores[rows] -= _CONTINUED_WORD * self.continues.to(scores.dtype)
        end = scores[:, self.end]
        late = room < 0.15 * (written + room)
        hold = torch.inf if self.hard else torch.where(late, 0.0, _HOLD_END)
        scores[:, self.end] = torch.where(some, end - hold, end)
        scores.scatter_reduce_(1, next_ids, raised, "amax")
        guided = (state.lengths > 0).any(dim=1, keepdim=True)  # (B, 1)
        scores /= torch.where(guided, _COOLING, 1.0)
        if self.hard:
            need = ((state.cost + _SEPARATOR) * state.missing).sum(dim=1) + _RESERVE
            self._write_now(scores, some & (room <= need), due, next_ids)

    def _write_now(
        self,
        scores: torch.Tensor,
        rows: torch.Tensor,
        due: torch.Tensor,
        next_ids: torch.Tensor,
    ) -> None:
        """Leave these rows, (B,), nothing but missing keywords, commas, and a full stop."""
        rows = rows.nonzero()[:, 0]
        if not len(rows):
            return
        # What was begun comes first; of that, what has come farthest.
        progress = self.state.progress[rows] * due[rows]
        finishing = (progress > 0) & (progress == progress.amax(dim=1, keepdim=True))
        target = torch.where(finishing.any(dim=1, keepdim=True), finishing, due[rows])
        only = torch.full_like(scores[rows], -torch.inf)
        here = next_ids[rows]
        now = torch.where(target, scores[rows].gather(1, here), -torch.inf)
        only.scatter_reduce_(1, here, now, "amax")
        between = (self.state.finished[rows] == 1) | ~target.any(dim=1)
        only[between] = -torch.inf
        last = self.state.missing[rows].sum(dim=1) == 1
        only[between & last, self.stop] = 0
        only[between & ~last, self.comma] = 0
        scores[rows] = only

    def observe(self, tokens: torch.Tensor, text_ids: list[list[int]] | Any) -> None:
        """Take note of what was written.

        Args:
            tokens: (B,), the newest token of each row.
            text_ids: gives the tokens of a row's text, the newest among them.
        """
        state = self.state
        next_ids = state.ids.gather(2, state.progress[:, :, None])[:, :, 0]
        first = state.ids[:, :, 0]
        goes_on = next_ids == tokens[:, None]
        begins = (first == tokens[:, None]) & (state.spaced | state.open[:, None])
        progress = torch.where(goes_on & (state.progress > 0), state.progress + 1, begins.long())
        done = (progress == state.lengths) & (state.lengths > 0)  # (B, N)
        state.progress = progress.masked_fill(done, 0)
        state.pause = (state.pause - 1).clamp(min=0)
        state.pause.scatter_reduce_(1, state.keyword, _PAUSE * done.long(), "amax")
        state.open = self.opens[tokens]
        state.since += 1
        state.unchecked += 1
        state.finished = torch.where(state.finished > 0, state.finished + 1, 0)
        state.finished = torch.where(done.any(dim=1), 1, state.finished)
        # One token after a keyword was finished, when its last word cannot be continued any more.
        due = (state.finished == 2) | (state.unchecked >= _CHECK_EVERY)
        for row in due.nonzero()[:, 0].tolist():
            self._check(row, text_ids(row))

    def _check(self, row: int, ids: list[int]) -> None:
        state, words = self.state, self.words[row]
        text = remove_control_characters(self.tokenizer.decode(ids, skip_special_tokens=True))
        half_written = text.endswith("\ufffd")
        text = _LAST_WORD.sub("", text)  # which may go on
        missing = torch.zeros_like(state.missing[row])
        covered = covered_by_stems(text, words)
        missing[: len(words)] = ~torch.tensor(covered, dtype=torch.bool, device=self.device)
        missing &= state.cost[row] > 0
        if int(missing.sum()) < int(state.missing[row].sum()):
            state.since[row] = 0
        state.missing[row] = missing
        state.unchecked[row] = _CHECK_EVERY if half_written else 0
