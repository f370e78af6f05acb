"""Exporting the trained model: its weights are read back and checked, a record and a card added."""

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from jobgen.common.config import EVALUATION_KEYWORDS, TrainConfig
from jobgen.common.distributed import is_main_process
from jobgen.common.errors import InputError
from jobgen.common.files import is_disk_full, read_metrics, sync, write_json, write_whole
from jobgen.common.logging import logger, without_progress_bars
from jobgen.models.protocols import LanguageModel
from jobgen.models.sequence import EOS, render_prompt
from jobgen.text.memorized import MemorizationIndex
from jobgen.training.arguments import precision_of
from jobgen.training.checkpoints import latest_valid_checkpoint, report_write_errors
from jobgen.training.export_check import Probe, check_in_fresh_process

_PROBE_TOKENS = 64  # of a training row, on which trained and exported model are compared

CARD = """---
library_name: transformers
pipeline_tag: text-generation
base_model: {base_model_yaml}
---
# Job postings from a title and keywords

{base_model}, fine-tuned on {train_rows} job postings.{source}

Give it `{prompt}`; it writes the posting and ends with `{end}`.
It repeats the faults and prejudices of the postings that it was trained on: read what it writes
before you publish it.

| {test_rows} held-out postings, given title and {n_keywords} keywords | before | after |
|---|---|---|
{metrics}

`training.json` beside this file holds the configuration, the data manifest and the versions.
"""


# Rows of the card's table and the metrics they show.
_CARD_METRICS = {
    "nats per byte of text": "eval_nats_per_byte",
    "bits per byte of text": "eval_bits_per_byte",
    "perplexity per token": "eval_perplexity",
}


@contextmanager
def explain_failure(run: Path) -> Iterator[None]:
    """Say, when an export fails, that the training is not lost, and where its weights are.

    Args:
        run: the run folder.

    Raises:
        InputError: the export failed.
        KeyboardInterrupt: it was interrupted.
    """
    again = "The same command exports the model, without --overwrite."
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"The training is complete. {again}") from None
    except Exception as error:
        if isinstance(error, InputError) or is_disk_full(error):
            raise  # to a message that says the same
        logger.debug("the export failed", exc_info=True)
        raise InputError(
            str(run / "trained_model"),
            f"cannot be written: {error}. The training is complete, and its weights are in"
            f" {latest_valid_checkpoint(run)}. {again}",
        ) from error


def export_model(nlp: LanguageModel, run: Path, figures: dict[str, float]) -> None:
    """Write `trained_model` into the run folder once a fresh process has checked it.

    Args:
        nlp: the `NLP_model` after its training; all processes have to take part.
        run: the run folder with `metrics.jsonl` and `run.json`.
        figures: held-out metrics of the final weights; empty without a test table.

    Raises:
        InputError: the model cannot be written.
        RuntimeError: the written model is not the one that was trained.
    """
    written, exported = run / ".trained_model", run / "trained_model"
    ids = torch.tensor([nlp.trainer.train_dataset[0]["input_ids"][:_PROBE_TOKENS]])
    model = nlp.trainer.model_wrapped
    model.eval()
    with torch.no_grad():
        logits = model(input_ids=ids.to(nlp.trainer.args.device)).logits.float().cpu()
    logits = logits[..., : len(nlp.tokenizer)]  # without the padding of the vocabulary
    if is_main_process():
        shutil.rmtree(written, ignore_errors=True)
    with report_write_errors(written, "the trained model"), without_progress_bars():
        nlp.save(str(written))
    if not is_main_process():
        return
    is_half = precision_of(nlp.config) != "fp32"
    added = nlp.tokenizer.get_added_vocab()
    probe = Probe(ids.numpy(), logits.numpy(), added, tolerance=0.05 if is_half else 1e-3)
    problems = check_in_fresh_process(written, probe)
    if problems:
        raise RuntimeError(f"{written} is not the model that was trained: {'; '.join(problems)}")
    with report_write_errors(written, "the trained model"):
        _describe(nlp.config, run, written, figures)
        learned = nlp.trainer.train_dataset
        MemorizationIndex.of(learned.texts, learned.rows).save(written)
        sync(written)
    shutil.rmtree(exported, ignore_errors=True)
    os.replace(written, exported)


def _describe(config: TrainConfig, run: Path, folder: Path, figures: dict[str, float]) -> None:
    """Add the model card and the record of the training to the exported model."""
    before = next((line for line in read_metrics(run) if "eval_loss" in line), {})
    record = json.loads((run / "run.json").read_text(encoding="utf-8"))
    record["configuration"] = config.model_dump()
    record["held_out"] = {"before": before, "after": figures}
    rows = [
        f"| {label} | {_shown(before, name)} | {_shown(figures, name)} |"
        for label, name in _CARD_METRICS.items()
    ]
    source = ""
    if manifest := record["data"]:
        digest = _code(manifest["source_sha256"])
        source = f" Source: {_code(manifest['source'])}, SHA-256 {digest}."
    card = CARD.format(
        prompt=render_prompt("title", ["keyword", "keyword"]),
        end=EOS,
        n_keywords=EVALUATION_KEYWORDS,
        base_model=_code(config.model),
        base_model_yaml=json.dumps(config.model),
        train_rows=record["rows"]["train"]["kept"],
        test_rows=record["rows"].get("test", {}).get("kept", 0),
        source=source,
        metrics="\n".join(rows),
    )
    write_whole(folder / "README.md", lambda path: path.write_text(card, encoding="utf-8"))
    write_json(folder / "training.json", record)


def _code(text: Any) -> str:
    """A text in Markdown's code marks, whatever it holds."""
    plain = " ".join(str(text).split())
    fence = "`" * (1 + max(map(len, re.findall("`+", plain)), default=0))
    return f"{fence} {plain} {fence}" if "`" in plain else f"`{plain}`"


def _shown(metrics: dict[str, float], name: str) -> str:
    return f"{metrics[name]:.4g}" if name in metrics else "-"
