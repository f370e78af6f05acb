"""What a run leaves behind besides weights: the record in its folder, and the model card."""

import importlib.metadata
import json
import shutil
from pathlib import Path
from typing import Any

from jobgen.cli import is_main_process
from jobgen.config import TrainConfig
from jobgen.config_file import read_json
from jobgen.dataset import EVALUATION_KEYWORDS, PostingDataset
from jobgen.errors import InputError
from jobgen.frames import write_json, write_whole
from jobgen.prompts import EOS, render_prompt

VERSIONED = ("torch", "transformers", "accelerate", "deepspeed", "tokenizers", "numpy")
# All that a run writes into its folder; starting over removes these and nothing else.
RUN_FILES = ("config.json", "run.json", "metrics.jsonl", "loss.png")
RUN_FOLDERS = ("checkpoints", "tensorboard", "trained_model")

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


def check_run_folder(run: Path, resume: bool, overwrite: bool) -> None:
    """Refuse to mix a training with what the folder holds already.

    Raises:
        InputError: it holds a run and neither flag is given, or it holds files of the same names
            that are no run's.
    """
    found = [name for name in (*RUN_FILES, *RUN_FOLDERS) if (run / name).exists()]
    if not found or resume:
        return
    if not (run / "run.json").is_file():
        raise InputError(
            str(run), f"is no run folder but holds {', '.join(found)}; choose another output_dir"
        )
    if not overwrite:
        raise InputError(
            str(run),
            "holds an earlier run; go on with --resume, start over with --overwrite, or choose"
            " another folder with --set output_dir=...",
        )


def start_run_folder(
    config: TrainConfig, training: PostingDataset, test: PostingDataset | None, fresh: bool
) -> None:
    """Record configuration, versions and rows before work starts; clear an old run if `fresh`."""
    if not is_main_process():
        return
    run = Path(config.output_dir)
    if fresh:
        for name in RUN_FILES:
            (run / name).unlink(missing_ok=True)
        for name in RUN_FOLDERS:
            shutil.rmtree(run / name, ignore_errors=True)
    write_json(run / "config.json", config.model_dump())
    rows = {"train": _rows(training)} | ({"test": _rows(test)} if test else {})
    deepspeed = read_json(config.ds_config) if config.ds_config else None
    write_json(run / "run.json", {"versions": _versions(), "rows": rows, "deepspeed": deepspeed})


def describe_model(config: TrainConfig, run: Path, figures: dict[str, float]) -> None:
    """Put a model card and the record of the training into the exported model folder.

    Args:
        config: of the training.
        run: run folder with `metrics.jsonl`, `run.json` and `trained_model/`.
        figures: held-out figures at the end; empty without a test table.
    """
    if not is_main_process():
        return
    lines = (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    before = next((line for line in map(json.loads, lines) if "eval_loss" in line), {})
    record = json.loads((run / "run.json").read_text(encoding="utf-8"))
    record["configuration"] = config.model_dump()
    record["held_out"] = {"before": before, "after": figures}
    manifest = data_manifest(config.train)
    record["data"] = manifest
    write_json(run / "trained_model" / "training.json", record)
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
    readme = run / "trained_model" / "README.md"
    write_whole(readme, lambda place: place.write_text(card, encoding="utf-8"))


def data_manifest(train: str | None) -> dict[str, Any] | None:
    """The manifest that cli_prepare_data.py wrote beside a training table, if it did."""
    if train is None:
        return None
    path = Path(train)
    if not path.stem.startswith("train_"):
        return None
    manifest = path.with_name(f"manifest_{path.stem.removeprefix('train_')}.json")
    return json.loads(manifest.read_text(encoding="utf-8")) if manifest.is_file() else None


def _rows(dataset: PostingDataset) -> dict[str, int]:
    return {"kept": len(dataset), "dropped_too_long": dataset.dropped}


def _versions() -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in VERSIONED}


def _figure(figures: dict[str, float], name: str) -> str:
    return f"{figures[name]:.4g}" if name in figures else "-"
