"""The run folder: whether it may be used, its lock, and what is recorded before the start."""

import importlib.metadata
import shutil
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from transformers.trainer_pt_utils import get_model_param_count

from jobgen.common.config import TrainConfig
from jobgen.common.deepspeed_config import zero_stage
from jobgen.common.distributed import is_main_process, process_count
from jobgen.common.errors import InputError
from jobgen.common.files import hash_file, read_json, write_json
from jobgen.common.logging import logger
from jobgen.training.arguments import precision_of
from jobgen.training.dataset import PostingDataset

VERSIONED = ("torch", "transformers", "accelerate", "deepspeed", "torchao", "tokenizers", "numpy")
# Everything that a run writes into its folder. Starting over removes these and nothing else.
RUN_FILES = ("config.json", "run.json", "metrics.jsonl", "loss.png")
RUN_FOLDERS = ("checkpoints", "tensorboard", "trained_model", ".trained_model")
# The last file that a run writes, in the exported model: if it exists, the run is finished.
FINISHED = "trained_model/training.json"
# Fields that decide which weights are trained, and what the optimizer stores for them.
_WEIGHTS = ("model", "model_preload", "lora_rank", "unfreeze_last_n", "optimizer")
# Fields that decide how many rows a step takes, and in which order.
_BATCHES = ("micro_batch_size", "gradient_accumulation_steps")


def should_resume(config: TrainConfig, resume: bool, overwrite: bool) -> bool:
    """Decide whether this training continues a run that its folder already holds.

    Args:
        config: the training configuration.
        resume: continue even if the run is finished or its configuration differs.
        overwrite: start over, whatever the folder holds.

    Raises:
        InputError: the folder holds a finished run, a run of another configuration or other data,
            or files that belong to no run, and no flag says what to do; or there is nothing to
            resume.
    """
    run = Path(config.output_dir)
    for name in RUN_FOLDERS:
        if (run / name).is_symlink():
            raise InputError(
                str(run / name), "is a symbolic link, which an export could not replace; remove it"
            )
    existing = [name for name in (*RUN_FILES, *RUN_FOLDERS) if (run / name).exists()]
    if existing and not (run / "run.json").is_file():
        raise InputError(
            str(run), f"is no run folder but holds {', '.join(existing)}; choose another output_dir"
        )
    if resume and not existing:
        raise InputError(str(run), "holds no run to resume; start it without --resume")
    if overwrite or not existing:
        return False
    if recorded := read_json(str(run / "run.json")).get("decides", {}):
        # A field that was added to the configuration after this run had its default value.
        recorded = TrainConfig.model_validate({}).result_settings() | recorded
    differences = _differences(recorded, _decides(config))
    if resume:
        _check_engine(recorded, config)
        _check_unchanged(recorded, config)
        for difference in differences:
            logger.info(f"note: {run} resumes with a change: {difference}")
        return True
    if (run / FINISHED).is_file():
        raise InputError(
            str(run),
            "holds a finished run; start over with --overwrite, continue it with --resume (and more"
            " epochs, say), or choose another folder with --set output_dir=...",
        )
    if differences:
        raise InputError(
            str(run),
            [
                "holds an unfinished run that differs; continue it nevertheless with --resume, or"
                " start over with --overwrite",
                *differences,
            ],
        )
    return True


def lock_run(run: Path) -> AbstractContextManager:
    """Keep other trainings out of a run folder until the context, or the process, ends.

    Args:
        run: the run folder; it is created if it does not exist.

    Raises:
        InputError: another training is using the folder.
    """
    if not is_main_process():
        return nullcontext()
    run.mkdir(parents=True, exist_ok=True)
    lock = FileLock(run / ".lock")
    try:
        return lock.acquire(timeout=0)
    except Timeout:
        raise InputError(str(run), "is in use by another training") from None


def start_run(
    config: TrainConfig,
    model: Any,
    training: PostingDataset,
    test: PostingDataset | None,
    fresh: bool,
) -> None:
    """Record the configuration, versions and row counts before the training starts.

    Args:
        config: the training configuration.
        model: the loaded model.
        training: the training set.
        test: the held-out set, if there is one.
        fresh: remove what an old run left; otherwise it is resumed.

    Raises:
        InputError: the model of the resumed run had another size, or the manifest of the training
            table is damaged; nothing is changed then.
    """
    if not is_main_process():
        return
    run, parameters = Path(config.output_dir), get_model_param_count(model)
    manifest = _data_manifest(config.train)
    if not fresh:
        before = read_json(str(run / "run.json")).get("parameters", parameters)
        if before != parameters:
            raise InputError(
                str(run),
                f"cannot resume: {config.model} had {before:,} parameters, and now has"
                f" {parameters:,}; use the model as it was, or start over with --overwrite",
            )
    (run / FINISHED).unlink(missing_ok=True)
    if fresh:
        # run.json stays until it is replaced, since without it this would be no run folder.
        for name in RUN_FOLDERS:
            shutil.rmtree(run / name, ignore_errors=True)
        for name in set(RUN_FILES) - {"run.json"}:
            (run / name).unlink(missing_ok=True)
    rows = {"train": _rows(training)} | ({"test": _rows(test)} if test else {})
    versions = {name: importlib.metadata.version(name) for name in VERSIONED}
    record = {"versions": versions, "parameters": parameters, "rows": rows, "data": manifest}
    record["decides"] = _decides(config)
    write_json(run / "run.json", record)
    write_json(run / "config.json", config.model_dump())


def _data_manifest(train: str | None) -> dict[str, Any] | None:
    """The manifest that cli_prepare_data.py wrote beside a training table; None without one."""
    if train is None or not Path(train).stem.startswith("train_"):
        return None
    path = Path(train).with_name(f"manifest_{Path(train).stem.removeprefix('train_')}.json")
    if not path.is_file():
        return None
    manifest = read_json(str(path))
    if not isinstance(manifest, dict) or not {"source", "source_sha256"} <= manifest.keys():
        raise InputError(
            str(path), f"is no manifest that cli_prepare_data.py wrote of {train}; move it away"
        )
    return manifest


def _decides(config: TrainConfig) -> dict[str, Any]:
    """Everything that the trained weights depend on, besides the code."""
    decides = config.result_settings()
    for name in ("train", "test"):
        path = getattr(config, name)
        decides[name] = hash_file(path) if path else None
    decides["half_precision"] = precision_of(config)
    decides["processes"] = process_count()
    decides["ds_config"] = read_json(config.ds_config) if config.ds_config else None
    return decides


def _check_engine(recorded: dict[str, Any], config: TrainConfig) -> None:
    """Refuse another engine: with ZeRO a checkpoint has one part for each process that wrote it.

    Raises:
        InputError: the run was trained with another ZeRO stage or number of processes.
    """

    def engine(ds_config: dict[str, Any] | None, processes: int) -> str:
        if ds_config is None:
            return "without DeepSpeed"
        return f"with ZeRO stage {zero_stage(ds_config)} in {processes} process(es)"

    ds_config = read_json(config.ds_config) if config.ds_config else None
    before = engine(recorded.get("ds_config"), recorded.get("processes", process_count()))
    now = engine(ds_config, process_count())
    if before != now:
        raise InputError(
            config.output_dir,
            f"was trained {before}, and cannot resume {now}; train as before, or start over with"
            " --overwrite",
        )


def _check_unchanged(recorded: dict[str, Any], config: TrainConfig) -> None:
    """Refuse a configuration that the checkpoints of the run do not fit.

    Raises:
        InputError: with the fields that differ.
    """
    problems = {
        "cannot resume with other weights": _WEIGHTS,
        # A checkpoint counts steps: with other batches the training would go on at another row.
        "cannot resume with other batches, which would skip rows or repeat them": _BATCHES,
    }
    for problem, names in problems.items():
        changed = [name for name in names if recorded.get(name) != getattr(config, name)]
        if recorded and changed:
            raise InputError(
                config.output_dir,
                [
                    f"{problem}; train as before, or start over with --overwrite",
                    *(
                        f"{name}: {recorded.get(name)!r} before, {getattr(config, name)!r} now"
                        for name in changed
                    ),
                ],
            )


def _differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """One line for each value of `_decides` that differs."""
    lines = []
    for name in sorted(old.keys() | new.keys()):
        before, now = old.get(name), new.get(name)
        if before != now:
            is_content = name in ("train", "test", "ds_config")
            what = "its content differs" if is_content else f"{before!r} before, {now!r} now"
            lines.append(f"{name}: {what}")
    return lines


def _rows(dataset: PostingDataset) -> dict[str, int]:
    return {"kept": len(dataset), "dropped_too_long": dataset.dropped}
