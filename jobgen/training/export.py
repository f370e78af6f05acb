"""The exported model: weights that were read again and checked, a record, and a card."""

import json
import multiprocessing
import os
import shutil
import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from jobgen.common.config import EVALUATION_KEYWORDS, TrainConfig
from jobgen.common.distributed import is_main_process
from jobgen.common.files import read_metrics, sync, write_json, write_whole
from jobgen.models.sequence import EOS, render_prompt
from jobgen.text.memorized import MemorizationIndex
from jobgen.training.arguments import precision_of
from jobgen.training.checkpoints import report_write_errors

_PROBE_TOKENS = 64

CARD = """---
library_name: transformers
pipeline_tag: text-generation
base_model: {base_model}
---
# Job postings from a title and keywords

`{base_model}`, fine-tuned on {train_rows} job postings.{source}

Give it `{prompt}`; it writes the posting and ends with `{end}`.
It repeats the faults and prejudices of the postings that it has seen: read what it writes before
you publish it.

| held out, {test_rows} postings, given title and {n_keywords} keywords | before | after |
|---|---|---|
| nats per byte of text | {before_bytes} | {after_bytes} |
| perplexity per token | {before_perplexity} | {after_perplexity} |

`training.json` beside this file holds the configuration, the data manifest and the versions.
"""


@contextmanager
def _saying_how_to_go_on() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            "All is trained. The same command exports it, without --overwrite."
        ) from None


@_saying_how_to_go_on()
def export_model(nlp: Any, run: Path, figures: dict[str, float]) -> None:
    """Write `trained_model` into the run folder, whole, once a fresh process has checked it.

    Args:
        nlp: the `NLP_model` after its training; all processes take part.
        run: run folder with `metrics.jsonl` and `run.json`.
        figures: held-out figures at the end; empty without a test table.

    Raises:
        InputError: it cannot be written.
        RuntimeError: what was written is not the model that was trained.
    """
    written, place = run / ".trained_model", run / "trained_model"
    ids = torch.tensor([nlp.trainer.train_dataset[0]["input_ids"][:_PROBE_TOKENS]])
    model = nlp.trainer.model_wrapped
    model.eval()
    with torch.no_grad():
        logits = model(input_ids=ids.to(nlp.trainer.args.device)).logits.float().cpu()
    logits = logits[..., : len(nlp.tokenizer)]  # the others are there to pad the vocabulary
    if is_main_process():
        shutil.rmtree(written, ignore_errors=True)
    with report_write_errors(written, "the trained model"):
        nlp.save(str(written))
    if not is_main_process():
        return
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as fresh:
        half = precision_of(nlp.config) != "fp32"
        probe = Probe(ids.numpy(), logits.numpy(), tolerance=0.05 if half else 1e-3)
        # Ctrl-C is for this process alone; the fresh one inherits that it ignores it.
        ours = signal.signal(signal.SIGINT, signal.SIG_IGN)
        check = fresh.submit(find_export_errors, written, probe, nlp.tokenizer.get_added_vocab())
        signal.signal(signal.SIGINT, ours)
        try:
            faults = check.result()
        except KeyboardInterrupt:
            for child in multiprocessing.active_children():
                child.kill()
            raise
    if faults:
        raise RuntimeError(f"{written} is not the model that was trained: {'; '.join(faults)}")
    with report_write_errors(written, "the trained model"):
        _describe(nlp.config, run, written, figures)
        learnt = nlp.trainer.train_dataset
        MemorizationIndex.of(learnt.texts, learnt.rows).save(written)
        sync(written)
    shutil.rmtree(place, ignore_errors=True)
    os.replace(written, place)


@dataclass
class Probe:
    """What a model says to some tokens.

    Attributes:
        ids: (1, T), tokens.
        logits: (1, T, V), float32.
        tolerance: how far others may be from them, as a share of the largest.
    """

    ids: np.ndarray
    logits: np.ndarray
    tolerance: float


def find_export_errors(folder: Path, probe: Probe, added: dict[str, int]) -> list[str]:
    """What is wrong with an exported model.

    Args:
        folder: of the model.
        probe: of the trained model.
        added: its added tokens and their ids.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    faults = [f"{name} is empty" for name, tensor in model.named_parameters() if not tensor.numel()]
    rows = model.get_input_embeddings().num_embeddings
    if rows != len(tokenizer):
        faults.append(f"it embeds {rows} tokens, and the tokenizer has {len(tokenizer)}")
        return faults
    if tokenizer.get_added_vocab() != added:
        faults.append(f"its added tokens are {tokenizer.get_added_vocab()}, not {added}")
    with torch.no_grad():
        logits = model(input_ids=torch.from_numpy(probe.ids)).logits.numpy()
    distance = np.abs(logits - probe.logits).max() / np.abs(probe.logits).max()
    if not distance <= probe.tolerance:
        faults.append(f"its logits differ by {distance:.2g} of the largest")
    return faults


def _describe(config: TrainConfig, run: Path, folder: Path, figures: dict[str, float]) -> None:
    """Put the card and the record of the training into the exported model."""
    before = next((line for line in read_metrics(run) if "eval_loss" in line), {})
    record = json.loads((run / "run.json").read_text(encoding="utf-8"))
    record["configuration"] = config.model_dump()
    record["held_out"] = {"before": before, "after": figures}
    manifest = data_manifest(config.train)
    record["data"] = manifest
    source = ""
    if manifest:
        source = f" Source: {manifest['source']}, SHA-256 {manifest['source_sha256']}."
    card = CARD.format(
        prompt=render_prompt("title", ["keyword", "keyword"]),
        end=EOS,
        n_keywords=EVALUATION_KEYWORDS,
        base_model=config.model,
        train_rows=record["rows"]["train"]["kept"],
        test_rows=record["rows"].get("test", {}).get("kept", 0),
        source=source,
        before_bytes=_figure(before, "eval_nats_per_byte"),
        after_bytes=_figure(figures, "eval_nats_per_byte"),
        before_perplexity=_figure(before, "eval_perplexity"),
        after_perplexity=_figure(figures, "eval_perplexity"),
    )
    write_whole(folder / "README.md", lambda place: place.write_text(card, encoding="utf-8"))
    write_json(folder / "training.json", record)


def data_manifest(train: str | None) -> dict[str, Any] | None:
    """The manifest that cli_prepare_data.py wrote beside a training table, if it did."""
    if train is None:
        return None
    path = Path(train)
    if not path.stem.startswith("train_"):
        return None
    manifest = path.with_name(f"manifest_{path.stem.removeprefix('train_')}.json")
    return json.loads(manifest.read_text(encoding="utf-8")) if manifest.is_file() else None


def _figure(figures: dict[str, float], name: str) -> str:
    return f"{figures[name]:.4g}" if name in figures else "-"
