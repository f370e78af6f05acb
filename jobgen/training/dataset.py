"""From prepared postings to batches: length filter, dataset, collation, sampling by length."""

from collections.abc import Iterator
from math import ceil
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch.nn.functional import pad as pad_right
from torch.utils.data import Dataset, Sampler

from jobgen.common.config import EVALUATION_KEYWORDS
from jobgen.common.errors import InputError
from jobgen.models.protocols import Tokenizer
from jobgen.models.sequence import (
    count_tokens,
    encode,
    escape_frame,
    render_completion,
    render_prompt,
)

IGNORED = -100  # label of positions that are not learned
# Lengths of batches and numbers of logits are rounded up to multiples of these, as far as
# max_length and the batch allow. On a CPU, each new size costs memory in bfloat16, and blocks of
# many sizes leave holes in the heap.
LENGTH_MULTIPLE, LOGITS_MULTIPLE = 16, 64


class PostingDataset(Dataset):
    """Rendered and tokenized postings.

    In training, each row shows a random handful of its keywords, drawn again in each epoch. The
    draw depends on (seed, epoch, row) alone, so that a resumed run sees the same keywords as an
    uninterrupted one. In evaluation each row shows its first eight keywords.

    Args:
        frame: postings with the columns title, keywords, text.
        tokenizer: the tokenizer with the special tokens.
        max_length: the largest number of tokens; rows that could have more are left out.
        keywords: the smallest and largest number of keywords drawn; None for evaluation.
        loss_on: "text", or "all" to learn title and keywords as well.
        seed: decides which keywords are drawn.

    Attributes:
        dropped: number of rows that were left out.
        escaped: number of special tokens that stood in the postings and were escaped.
        rows: the number of each kept row in the frame, from 0.
        n_tokens: the largest number of tokens that each kept row can have.
        n_bytes: UTF-8 bytes of all kept texts.
        epoch: the current epoch, from 0; `EpochCounter` sets it.

    Raises:
        InputError: no row fits.
    """

    def __init__(
        self,
        frame: pd.DataFrame,
        tokenizer: Tokenizer,
        max_length: int,
        keywords: tuple[int, int] | None = None,
        loss_on: str = "text",
        seed: int = 0,
    ):
        self.tokenizer, self.max_length, self.seed = tokenizer, max_length, seed
        self.keywords, self.loss_on, self.epoch = keywords, loss_on, 0
        frame, self.escaped = escape_frame(frame, tokenizer)
        # Counted with as many of the longest keywords as can be drawn: the worst case.
        most = keywords[1] if keywords else EVALUATION_KEYWORDS
        longest = [sorted(words, key=len, reverse=True)[:most] for words in frame["keywords"]]
        n_tokens = count_tokens(frame.assign(keywords=longest), tokenizer)
        fits = [n <= max_length for n in n_tokens]
        self.dropped = len(fits) - sum(fits)
        if not any(fits):
            raise InputError(
                "max_length",
                f"none of the {len(fits)} rows fits into {max_length} tokens; the shortest needs"
                f" {min(n_tokens, default=0)}",
            )
        self.rows = [row for row, fit in enumerate(fits) if fit]
        frame = frame[fits]
        self.n_tokens = [n for n, fit in zip(n_tokens, fits, strict=True) if fit]
        self.titles, self.row_keywords = list(frame["title"]), list(frame["keywords"])
        self.text_ids = encode(tokenizer, [render_completion(text) for text in frame["text"]])
        self.texts = list(frame["text"])
        self.n_bytes = sum(len(text.encode()) for text in frame["text"])

    def __len__(self) -> int:
        return len(self.titles)

    def drawn_keywords(self, row: int) -> list[str]:
        """The keywords that a row shows in the current epoch."""
        words = self.row_keywords[row]
        if self.keywords is None:
            return words[:EVALUATION_KEYWORDS]
        draw = np.random.default_rng([self.seed, self.epoch, row])
        fewest, most = (min(limit, len(words)) for limit in self.keywords)
        chosen = draw.permutation(len(words))[: draw.integers(fewest, most + 1)]
        return [words[i] for i in chosen]

    def __getitem__(self, row: int) -> dict[str, Any]:
        words = self.drawn_keywords(row)
        text = self.text_ids[row]
        prompt = encode(self.tokenizer, [render_prompt(self.titles[row], words)])[0]
        # In this order the keywords may need a few tokens more than was counted; then the last
        # ones are left out.
        while words and len(prompt) + len(text) > self.max_length:
            words = words[:-1]
            prompt = encode(self.tokenizer, [render_prompt(self.titles[row], words)])[0]
        prompt_labels = prompt if self.loss_on == "all" else [IGNORED] * len(prompt)
        ids, labels = prompt + text, prompt_labels + text
        return {"input_ids": ids, "labels": labels, "row": self.rows[row]}

    def padded_length(self, longest: int) -> int:
        """Length of a batch in tokens, padding included.

        Args:
            longest: number of tokens of the longest row.
        """
        return min(ceil(longest / LENGTH_MULTIPLE) * LENGTH_MULTIPLE, self.max_length)

    def collate(self, rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """Pad rows on the right to one length, and mark the positions whose logits are needed.

        There is no attention mask: a token never attends to its right, and labels of padding are
        ignored, so that a mask would only cost time.

        Args:
            rows: items of this dataset.

        Returns:
            `input_ids` and `labels`, (B, T), int64; `logits_to_keep`, (B, T), true at N positions:
            those whose next token has a label, and enough others to make N a multiple of 64;
            `shift_labels`, (N,), the labels of the next tokens; `rows`, (B,), the numbers of the
            rows in the table.
        """
        length = self.padded_length(max(len(row["input_ids"]) for row in rows))
        paddings = {"input_ids": self.tokenizer.pad_token_id, "labels": IGNORED}
        batch = {
            name: torch.tensor([row[name] + [padding] * (length - len(row[name])) for row in rows])
            for name, padding in paddings.items()
        }
        following = pad_right(batch["labels"][:, 1:], (0, 1), value=IGNORED)
        keep = following != IGNORED
        missing = -int(keep.sum()) % LOGITS_MULTIPLE
        keep.view(-1)[(~keep).view(-1).nonzero()[:missing, 0]] = True
        batch["logits_to_keep"], batch["shift_labels"] = keep, following[keep]
        batch["rows"] = torch.tensor([row["row"] for row in rows])
        return batch


class SimilarLengthSampler(Sampler[int]):
    """Random order in which the rows of a batch are of similar length, so that little is padded.

    Rows are shuffled, sorted by length within pools of 50 batches, and the batches are shuffled.
    The order depends on the dataset's seed and epoch alone, so that a resumed run sees the batches
    of an uninterrupted one. transformers' `LengthGroupedSampler` has only the state of a random
    generator, which a resumed run cannot restore for the middle of an epoch, and leaves the batches
    of a pool sorted (test_dataset.py:
    test_batches_hold_similar_lengths_in_an_order_of_seed_and_epoch).

    Args:
        dataset: the training set.
        batch_size: number of rows that should be of similar length.
    """

    def __init__(self, dataset: PostingDataset, batch_size: int):
        super().__init__()
        self.dataset, self.batch_size = dataset, batch_size

    def __len__(self) -> int:
        return len(self.dataset)

    def __iter__(self) -> Iterator[int]:
        draw = np.random.default_rng([self.dataset.seed, self.dataset.epoch])
        order = draw.permutation(len(self.dataset))
        lengths = np.array(self.dataset.n_tokens)
        pool = 50 * self.batch_size
        pools = [order[start : start + pool] for start in range(0, len(order), pool)]
        order = np.concatenate([rows[np.argsort(-lengths[rows], kind="stable")] for rows in pools])
        whole = len(order) // self.batch_size * self.batch_size
        batches = draw.permutation(order[:whole].reshape(-1, self.batch_size))
        return iter([*batches.ravel().tolist(), *order[whole:].tolist()])
