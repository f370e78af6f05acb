"""The folder of a run: whether it may be used, its lock, and what is recorded before the start."""

import importlib.metadata
import shutil
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from transformers.trainer_pt_utils import get_model_param_count

from jobgen.common.config import TrainConfig
from jobgen.common.distributed import is_main_process, process_count
from jobgen.common.errors import InputError
from jobgen.common.files import hash_file, read_json, write_json
from jobgen.common.logging import say
from jobgen.training.arguments import precision_of
from jobgen.training.dataset import PostingDataset

VERSIONED = ("torch", "transformers", "accelerate", "deepspeed", "torchao", "tokenizers", "numpy")
# All that a run writes into its folder; starting over removes these and nothing else.
RUN_FILES = ("config.json", "run.json", "metrics.jsonl", "loss.png")
RUN_FOLDERS = ("checkpoints", "tensorboard", "trained_model", ".trained_model")
# In the exported model, which comes last: with it a run is finished.
FINISHED = "trained_model/training.json"
# Fields that decide which weights there are, and what the optimizer keeps of them.
_WEIGHTS = ("model", "model_preload", "lora_rank", "unfreeze_last_n", "optimizer")
# Fields that do not change what is learnt.
_INDIFFERENT = {
    *("output_dir", "cache_dir", "report_to", "logging_steps", "save_steps", "save_total_limit"),
    "generate_every",
}


def should_resume(config: TrainConfig, resume: bool, overwrite: bool) -> bool:
    """Whether the folder holds a run that this training continues.

    Raises:
        InputError: it holds a finished run, one of another configuration or other data, or files
            of the same names that are no run's, and no flag says what to do; or there is nothing
            to resume.
    """
    run = Path(config.output_dir)
    found = [name for name in (*RUN_FILES, *RUN_FOLDERS) if (run / name).exists()]
    if found and not (run / "run.json").is_file():
        raise InputError(
            str(run), f"is no run folder but holds {', '.join(found)}; choose another output_dir"
        )
    if resume and not found:
        raise InputError(str(run), "holds no run to go on with; start it without --resume")
    if overwrite or not found:
        return False
    if recorded := read_json(str(run / "run.json")).get("decides", {}):
        # A field that is newer than the run had its default.
        recorded = TrainConfig().model_dump(exclude=_INDIFFERENT) | recorded
    differences = _differences(recorded, _decides(config))
    if resume:
        _check_engine(recorded, config)
        _check_weights(recorded, config)
        for difference in differences:
            say(f"note: {run} goes on with a change: {difference}")
        return True
    if (run / FINISHED).is_file():
        raise InputError(
            str(run),
            "holds a finished run; start over with --overwrite, go on with --resume (and more"
            " epochs, say), or choose another folder with --set output_dir=...",
        )
    if differences:
        raise InputError(
            str(run),
            [
                "holds an unfinished run that differs; go on all the same with --resume, or start"
                " over with --overwrite",
                *differences,
            ],
        )
    return True


def lock_run(run: Path) -> AbstractContextManager:
    """Keep other trainings out of the folder, until the end of the context or of the process.

    Raises:
        InputError: another training is at work there.
    """
    if not is_main_process():
        return nullcontext()
    run.mkdir(parents=True, exist_ok=True)
    lock = FileLock(run / ".lock")
    try:
        return lock.acquire(timeout=0)
    except Timeout:
        raise InputError(str(run), "another training is at work there") from None


def start_run(
    config: TrainConfig,
    model: Any,
    training: PostingDataset,
    test: PostingDataset | None,
    fresh: bool,
) -> None:
    """Record configuration, versions and rows before work starts; clear an old run if `fresh`.

    Raises:
        InputError: an old run that goes on had a model of another size; nothing is changed.
    """
    if not is_main_process():
        return
    run, parameters = Path(config.output_dir), get_model_param_count(model)
    if not fresh:
        before = read_json(str(run / "run.json")).get("parameters", parameters)
        if before != parameters:
            raise InputError(
                str(run),
                f"cannot go on: {config.model} had {before:,} parameters there, and has"
                f" {parameters:,} now; take the model as it was, or start over with --overwrite",
            )
    (run / FINISHED).unlink(missing_ok=True)
    if fresh:
        # run.json stays until it is replaced: without it the rest would be no run's.
        for name in RUN_FOLDERS:
            shutil.rmtree(run / name, ignore_errors=True)
        for name in set(RUN_FILES) - {"run.json"}:
            (run / name).unlink(missing_ok=True)
    rows = {"train": _rows(training)} | ({"test": _rows(test)} if test else {})
    versions = {name: importlib.metadata.version(name) for name in VERSIONED}
    record = {"versions": versions, "parameters": parameters, "rows": rows}
    record["decides"] = _decides(config)
    write_json(run / "run.json", record)
    write_json(run / "config.json", config.model_dump())


def _decides(config: TrainConfig) -> dict[str, Any]:
    """All that the weights depend on, besides the code."""
    decides = config.model_dump(exclude=_INDIFFERENT)
    for name in ("train", "test"):
        path = getattr(config, name)
        decides[name] = hash_file(path) if path else None
    decides["half_precision"] = precision_of(config)
    decides["processes"] = process_count()
    decides["ds_config"] = read_json(config.ds_config) if config.ds_config else None
    return decides


def _check_engine(recorded: dict[str, Any], config: TrainConfig) -> None:
    """A checkpoint fits the engine that wrote it: each process of ZeRO has a part of its own."""

    def engine(ds_config: dict[str, Any] | None, processes: int) -> str:
        if ds_config is None:
            return "without DeepSpeed"
        stage = ds_config.get("zero_optimization", {}).get("stage", 0)
        return f"with ZeRO stage {stage} in {processes} process(es)"

    now = read_json(config.ds_config) if config.ds_config else None
    before = engine(recorded.get("ds_config"), recorded.get("processes", process_count()))
    if before != engine(now, process_count()):
        raise InputError(
            config.output_dir,
            f"was trained {before}, and cannot go on {engine(now, process_count())}; train as"
            " before, or start over with --overwrite",
        )


def _check_weights(recorded: dict[str, Any], config: TrainConfig) -> None:
    """A checkpoint fits the weights that it was trained with."""
    others = [name for name in _WEIGHTS if recorded.get(name) != getattr(config, name)]
    if recorded and others:
        raise InputError(
            config.output_dir,
            [
                "cannot go on with other weights; train as before, or start over with --overwrite",
                *(
                    f"{name}: {recorded.get(name)!r} there, {getattr(config, name)!r} now"
                    for name in others
                ),
            ],
        )


def _differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    lines = []
    for name in sorted(old.keys() | new.keys()):
        before, now = old.get(name), new.get(name)
        if before != now:
            is_content = name in ("train", "test", "ds_config")
            what = "its content differs" if is_content else f"{before!r} there, {now!r} now"
            lines.append(f"{name}: {what}")
    return lines


def _rows(dataset: PostingDataset) -> dict[str, int]:
    return {"kept": len(dataset), "dropped_too_long": dataset.dropped}
