"""Titles and keywords -> postings, by sampling in batches."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from tqdm import tqdm
from transformers import (
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
    NoRepeatNGramLogitsProcessor,
    RepetitionPenaltyLogitsProcessor,
    StoppingCriteria,
    StoppingCriteriaList,
)

from jobgen.cleaning import remove_control_characters
from jobgen.cli import say
from jobgen.config import GenerateConfig
from jobgen.dataset import encode
from jobgen.errors import InputError
from jobgen.models import special_tokens
from jobgen.postings import Posting
from jobgen.prompts import neutralise, render_prompt


def pick_device(wanted: str) -> str:
    """Resolve "auto", and check that a GPU that was asked for is there."""
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(wanted)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise InputError("device", f'"{wanted}": this machine has no such GPU; use "auto"')
    return wanted


def fit_to_positions(config: GenerateConfig, limit: int | None) -> GenerateConfig:
    """Check max_length against the model's positions; lower it where the configuration says so.

    Raises:
        InputError: it is beyond them, and `beyond_positions` is "stop".
    """
    if limit is None or config.max_length <= limit:
        return config
    given = f"max_length {config.max_length} is beyond the {limit} positions of {config.model}"
    if config.beyond_positions == "stop":
        raise InputError("max_length", f"{given}; accepted: at most {limit}")
    say(f"warning: {given}; lowered to {limit}")
    return config.model_copy(update={"max_length": limit})


def neutralise_prompts(
    prompts: Sequence[tuple[str, list[str]]], tokenizer: Any
) -> tuple[list[tuple[str, list[str]]], int]:
    """Break up special-token strings in titles and keywords; also returns how many there were."""
    tokens, total, safe = special_tokens(tokenizer), 0, []
    for title, keywords in prompts:
        parts = [neutralise(part, tokens) for part in (title, *keywords)]
        total += sum(count for _, count in parts)
        safe.append((parts[0][0], [text for text, _ in parts[1:]]))
    return safe, total


def write_postings(
    model: Any, tokenizer: Any, prompts: Sequence[tuple[str, list[str]]], config: GenerateConfig
) -> Iterator[list[Posting]]:
    """Write `num_return_sequences` postings for each prompt.

    The rows of all prompts share batches of `batch_size`, padded on the left. Each batch draws from
    its own seed, so that a batch does not depend on those before it.

    Args:
        model: fine-tuned causal LM.
        tokenizer: its tokenizer, with the special tokens.
        prompts: title and keywords of each, from `neutralise_prompts`.
        config: lengths, sampling settings, seed.

    Yields:
        The postings of one batch, in the order of the prompts.

    Raises:
        InputError: a prompt leaves no room for a text; nothing has been written then.
    """
    rows = []
    for title, keywords in prompts:
        ids = encode(tokenizer, [render_prompt(title, keywords)])[0]
        if len(ids) >= config.max_length:
            raise InputError(
                f'prompt "{title[:60]}"',
                f"title and keywords take {len(ids)} tokens; max_length is {config.max_length}",
            )
        rows += [(title, keywords, ids)] * config.num_return_sequences
    model.eval()
    for start in range(0, len(rows), config.batch_size):
        state = np.random.SeedSequence([config.seed, start]).generate_state(1, np.uint64)
        torch.manual_seed(int(state[0]) >> 1)
        batch = rows[start : start + config.batch_size]
        texts = _complete(model, tokenizer, [ids for *_, ids in batch], config)
        yield [
            Posting(title, keywords, *written)
            for (title, keywords, _), written in zip(batch, texts, strict=True)
        ]


class _ShortestLength(LogitsProcessor):
    """Holds the end token back until a row has its shortest length, padding not counted."""

    def __init__(self, padding: torch.Tensor, shortest: int, eos_token_id: int):
        self.padding, self.shortest, self.eos_token_id = padding, shortest, eos_token_id  # (B,)

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        too_short = input_ids.shape[1] - self.padding < self.shortest  # (B,)
        scores[too_short, self.eos_token_id] = -torch.inf
        return scores


class _LongestLength(StoppingCriteria):
    """Ends a row that has its longest length, padding not counted; moves the progress bar."""

    def __init__(self, padding: torch.Tensor, longest: int, progress: tqdm):
        self.padding, self.longest, self.progress = padding, longest, progress  # (B,)

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **kwargs) -> torch.Tensor:
        self.progress.update()
        return input_ids.shape[1] - self.padding >= self.longest  # (B,)


class _TextOnly(LogitsProcessor):
    """A processor that does not see the prompt: repeating a keyword is what is wanted."""

    def __init__(self, processor: LogitsProcessor, width: int):
        self.processor, self.width = processor, width

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        return self.processor(input_ids[:, self.width :], scores)


@torch.no_grad()
def _complete(
    model: Any, tokenizer: Any, prompts: list[list[int]], config: GenerateConfig
) -> list[tuple[str, bool]]:
    """Continue each prompt until its end token; text and whether the end token came."""
    padded = tokenizer.pad({"input_ids": prompts}, return_tensors="pt").to(model.device)
    width = padded["input_ids"].shape[1]  # (B, width), padding on the left
    lengths = padded["attention_mask"].sum(dim=1)  # (B,)
    eos_token_id, most = tokenizer.eos_token_id, config.max_length - int(lengths.min())
    limit = getattr(model.config, "max_position_embeddings", None)
    if limit:
        # A full row goes on counting positions while shorter ones are written.
        most = min(most, limit - int(lengths.max()))
    processors = [
        _TextOnly(RepetitionPenaltyLogitsProcessor(config.repetition_penalty), width),
        _ShortestLength(width - lengths, config.min_length, eos_token_id),
    ]
    if config.no_repeat_ngram_size:
        processors.append(
            _TextOnly(NoRepeatNGramLogitsProcessor(config.no_repeat_ngram_size), width)
        )
    with tqdm(total=most, desc="batch", unit=" tokens", leave=False) as progress:
        output = model.generate(
            **padded,
            generation_config=_generation_config(tokenizer, config, most, model.config.vocab_size),
            logits_processor=LogitsProcessorList(processors),
            stopping_criteria=StoppingCriteriaList(
                [_LongestLength(width - lengths, config.max_length, progress)]
            ),
        )
    texts = []
    # Everything behind the prompt's tokens is text, whatever it says.
    for row, length in zip(output[:, width:].tolist(), lengths.tolist(), strict=True):
        row = row[: config.max_length - length]
        finished = eos_token_id in row
        row = row[: row.index(eos_token_id)] if finished else row
        text = tokenizer.decode(row, skip_special_tokens=True)
        texts.append((remove_control_characters(text).strip(), finished))
    return texts


def _generation_config(
    tokenizer: Any, config: GenerateConfig, max_new_tokens: int, vocab_size: int
) -> GenerationConfig:
    # Also those of the base model, such as a chat model's turns, and rows of padded embeddings.
    special = set(tokenizer.convert_tokens_to_ids(special_tokens(tokenizer)))
    special |= set(range(len(tokenizer), vocab_size))
    sampling = (
        {"temperature": config.temperature, "top_k": config.top_k or 0, "top_p": config.top_p}
        if config.do_sample
        else {}
    )
    return GenerationConfig(
        max_new_tokens=max_new_tokens,
        do_sample=config.do_sample,
        suppress_tokens=sorted(special - {tokenizer.eos_token_id}),
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        **sampling,
    )
