"""What would fit where a training does not: smaller batches, or other settings."""

import json
import os
from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from jobgen.common.errors import InputError
from jobgen.models.protocols import LanguageModel
from jobgen.training.arguments import check_settings
from jobgen.training.dataset import PostingDataset
from jobgen.training.memory.estimate import Estimate
from jobgen.training.memory.need import Need
from jobgen.training.memory.target import find_target

_DS_CONFIGS = Path(__file__).parents[3] / "DS_configs"
# Settings that are tried when a configuration does not fit.
_REMEDIES: tuple[dict[str, Any], ...] = (
    {"gradient_checkpointing": True},
    {"ds_config": str(_DS_CONFIGS / "zero2_offload_12gb.json")},
    {"ds_config": str(_DS_CONFIGS / "zero3_offload_12gb.json")},
    {"ds_config": None, "optimizer": "adamw_8bit"},
    {"unfreeze_last_n": 4},
    {"lora_rank": 16},
    {"save_total_limit": 1},
)
_MOST_ROWS, _LONGEST = 256, 8192  # largest values that are tried
# Words of a posting where there is no table yet; nearly all of its tokens are learned.
_EXAMPLE_WORDS = 200


@dataclass
class LargestBatches:
    """The largest batches that fit into device and host; None where not even the smallest fits.

    Attributes:
        rows: micro_batch_size with the postings of the table.
        length: max_length with the configured micro_batch_size.
        length_of_one: max_length with a micro_batch_size of 1.
    """

    rows: int | None
    length: int | None
    length_of_one: int | None


def largest_batches(estimate: Estimate) -> LargestBatches:
    """Find the largest batches that fit into the memories of the target."""
    return LargestBatches(
        rows=_largest(estimate, range(1, _MOST_ROWS + 1), length=estimate.length),
        length=longest_posting(estimate),
        length_of_one=_largest(estimate, _lengths(estimate), rows=1),
    )


def longest_posting(estimate: Estimate) -> int | None:
    """The largest `max_length` with the configured batches that fits into device and host."""
    return _largest(estimate, _lengths(estimate), rows=estimate.config.micro_batch_size)


def longest_posting_on_gpu(nlp: LanguageModel, vram: float) -> int | None:
    """The largest `max_length` that a model can be trained with on a GPU, before there are tables.

    Args:
        nlp: the `NLP_model`, whose weights are not loaded.
        vram: GiB of the GPU's memory; that of the machine beside it is this machine's.

    Returns:
        A number of tokens; None if not even the shortest posting fits.
    """
    posting = {"title": "Engineer", "keywords": [["Python"] * 8], "text": "word " * _EXAMPLE_WORDS}
    config = nlp.config
    rows = PostingDataset(pd.DataFrame(posting), nlp.tokenizer, _LONGEST, loss_on=config.loss_on)
    return longest_posting(Estimate(nlp, rows, find_target(config, vram, None)))


def _lengths(estimate: Estimate) -> range:
    return range(8, (estimate.nlp.limit or _LONGEST) + 1)


def _largest(estimate: Estimate, values: range, **shape: int) -> int | None:
    """The largest of the values that fits as the one of rows and length not in `shape`."""
    (name,) = {"rows", "length"} - shape.keys()

    def spills(value: int) -> bool:
        short = estimate.need(**shape, **{name: value}).shortfalls(estimate.target)
        return "device" in short or "host" in short

    n_fitting = bisect_right(values, False, key=spills)
    return values[n_fitting - 1] if n_fitting else None


def find_remedies(estimate: Estimate) -> list[tuple[str, Need]]:
    """Find settings that reduce what the target has too little of.

    Returns:
        Each setting as on the command line, with the needs of the training with it; those that fit
        come first.
    """
    remedies, present, target = [], estimate.need(), estimate.target
    for change in _REMEDIES:
        if not target.on_gpu and change.get("ds_config"):
            continue  # offloading helps a GPU only
        config = estimate.config.model_copy(update=change)
        try:
            check_settings(config, None)
            need = Estimate(type(estimate.nlp)(config), estimate.rows, target).need()
        except InputError:  # the settings contradict each other
            continue
        if any(need.total(kind) < present.total(kind) for kind in present.shortfalls(target)):
            settings = [f"--set {name}={_shown(value)}" for name, value in change.items()]
            remedies.append((" ".join(settings), need))
    return sorted(
        remedies, key=lambda remedy: (len(remedy[1].shortfalls(target)), remedy[1].total("device"))
    )


def _shown(value: Any) -> str:
    """A value as it is written on the command line; paths from the current folder."""
    if isinstance(value, str):
        return os.path.relpath(value) if "/" in value else value
    return json.dumps(value)
