"""Titles and keywords -> postings, by sampling in batches."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from transformers import GenerationConfig, LogitsProcessorList, RepetitionPenaltyLogitsProcessor

from jobgen.config import GenerateConfig
from jobgen.dataset import encode
from jobgen.errors import InputError
from jobgen.models import special_tokens
from jobgen.prompts import neutralise, render_prompt


class Posting(NamedTuple):
    """A posting that was written."""

    title: str
    keywords: list[str]
    text: str
    finished: bool  # ended by itself, within the length limit


def pick_device(wanted: str) -> str:
    """Resolve "auto", and check that a GPU that was asked for is there."""
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(wanted)
    except RuntimeError:
        raise InputError("device", f'"{wanted}" given, expected auto, cpu, cuda or cuda:N') from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise InputError("device", f'"{wanted}" given, but this machine has no such GPU; use "auto"')
    return wanted


def write_postings(
    model: Any, tokenizer: Any, prompts: Sequence[tuple[str, list[str]]], config: GenerateConfig
) -> Iterator[list[Posting]]:
    """Write `num_return_sequences` postings for each prompt.

    The rows of all prompts share batches of `batch_size`, padded on the left. Each batch draws from
    its own seed, so that a batch does not depend on those before it.

    Args:
        model: fine-tuned causal LM.
        tokenizer: its tokenizer, with the special tokens.
        prompts: title and keywords of each.
        config: lengths, sampling settings, seed.

    Yields:
        The postings of one batch, in the order of the prompts.

    Raises:
        InputError: a prompt leaves no room for a text; nothing has been written then.
    """
    tokens = special_tokens(tokenizer)
    rows = []
    for title, keywords in prompts:
        safe = [neutralise(part, tokens)[0] for part in (title, *keywords)]
        ids = encode(tokenizer, [render_prompt(safe[0], safe[1:])])[0]
        if len(ids) >= config.max_length:
            raise InputError(
                f'prompt "{title[:60]}"',
                f"title and keywords take {len(ids)} tokens; max_length is {config.max_length}",
            )
        rows += [(title, keywords, ids)] * config.num_return_sequences
    model.eval()
    for start in range(0, len(rows), config.batch_size):
        torch.manual_seed((config.seed + start) % 2**63)
        batch = rows[start : start + config.batch_size]
        texts = _complete(model, tokenizer, [ids for *_, ids in batch], config)
        yield [
            Posting(title, keywords, *written)
            for (title, keywords, _), written in zip(batch, texts, strict=True)
        ]


@torch.no_grad()
def _complete(
    model: Any, tokenizer: Any, prompts: list[list[int]], config: GenerateConfig
) -> list[tuple[str, bool]]:
    """Continue each prompt until its end token; text and whether the end token came."""
    padded = tokenizer.pad({"input_ids": prompts}, return_tensors="pt").to(model.device)
    width = padded["input_ids"].shape[1]  # (B, width), padding on the left
    # Everything behind the prompt's tokens is text, whatever it says. The penalty leaves the
    # prompt out, or it would work against the keywords.
    penalty = RepetitionPenaltyLogitsProcessor(config.repetition_penalty, width)
    output = model.generate(
        **padded,
        generation_config=_generation_config(tokenizer, config, width, model.config.vocab_size),
        logits_processor=LogitsProcessorList([penalty]),
    )
    texts = []
    for row in output[:, width:].tolist():
        finished = tokenizer.eos_token_id in row
        row = row[: row.index(tokenizer.eos_token_id)] if finished else row
        texts.append((tokenizer.decode(row, skip_special_tokens=True).strip(), finished))
    return texts


def _generation_config(
    tokenizer: Any, config: GenerateConfig, width: int, vocab_size: int
) -> GenerationConfig:
    special = set(tokenizer.all_special_ids) | set(range(len(tokenizer), vocab_size))
    sampling = (
        {"temperature": config.temperature, "top_k": config.top_k or 0, "top_p": config.top_p}
        if config.do_sample
        else {}
    )
    return GenerationConfig(
        max_new_tokens=config.max_length - width,
        min_new_tokens=max(0, config.min_length - width),
        do_sample=config.do_sample,
        no_repeat_ngram_size=config.no_repeat_ngram_size or 0,
        suppress_tokens=sorted(special - {tokenizer.eos_token_id}),
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        **sampling,
    )
