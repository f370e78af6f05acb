"""Prepared tables -> fine-tuned model folder, under DeepSpeed's launcher or in one process.

deepspeed cli_training.py -cfg train_configs/offline_default.json
deepspeed --num_gpus 2 cli_training.py -cfg train_configs/gpt2-large.json
python cli_training.py -cfg train_configs/offline_default.json --dry-run
"""

import argparse
import math
import sys
from pathlib import Path
from typing import Any

import jobgen.common.startup  # noqa: F401  before all else
from jobgen.common.cli import parse_arguments, read_config, run
from jobgen.common.config import TrainConfig
from jobgen.common.distributed import is_main_process, leave_process_group
from jobgen.common.errors import InputError
from jobgen.common.files import check_writable, read_metrics
from jobgen.common.logging import logger
from jobgen.data.tables import read_prepared

DOES_NOT_FIT = 3  # the exit status of an estimate


def main() -> None:
    """Read configuration and tables, check them; then estimate, show or train."""
    arguments = parse_arguments(__doc__, TrainConfig, add_flags)
    for name in ("vram", "ram"):
        if getattr(arguments, name) is not None and not arguments.estimate:
            raise InputError(f"--{name}", "belongs to --estimate")
    config = read_config(arguments, TrainConfig, required=("train",))
    train_frame = read_prepared(config.train)
    test_frame = read_prepared(config.test) if config.test else None
    check_writable(config.output_dir)

    # Heavy libraries load only now, so that a wrong file is reported at once.
    from jobgen.training import arguments as training
    from jobgen.training import summary
    from utils import NLP_model

    nlp = NLP_model(config)
    training_set = nlp.training_set(train_frame)
    test_set = None if test_frame is None else nlp.test_set(test_frame)
    elsewhere = arguments.vram is not None and config.half_precision
    precision = None if elsewhere else training.precision_of(config)
    training.check_settings(config, precision)
    summary.print_training(config, training_set, test_set, precision)
    if arguments.estimate:
        estimate(nlp, training_set, arguments.vram, arguments.ram)
    else:
        summary.print_rows(training_set)
        if not arguments.dry_run:
            train(nlp, training_set, test_set, arguments.resume, arguments.overwrite)


def estimate(nlp: Any, training_set: Any, vram: float | None, ram: float | None) -> None:
    """Show what the training needs of memory and disk; end with status 3 if it does not fit."""
    if not is_main_process():  # another status than 0 would end the process that prints
        return
    from jobgen.training import memory, summary

    needs = memory.Estimate(nlp, training_set, memory.find_target(nlp.config, vram, ram))
    summary.print_estimate(needs)
    sys.exit(0 if needs.fits() else DOES_NOT_FIT)


def train(nlp: Any, training_set: Any, test_set: Any, resume: bool, overwrite: bool) -> None:
    """Train, or resume; draw the loss curve and export the model."""
    from jobgen.evaluation import plots
    from jobgen.training import checkpoints, export, run_folder

    run_dir = Path(nlp.config.output_dir)
    resumes = run_folder.should_resume(nlp.config, resume, overwrite)
    with checkpoints.report_disk_full(run_dir), run_folder.lock_run(run_dir):
        nlp.load_weights()  # before an old run is cleared, in case they cannot be loaded
        run_folder.start_run(nlp.config, nlp.model, training_set, test_set, fresh=not resumes)
        metrics = nlp.train(training_set, test_set, resume=resumes)
        with export.explain_failure(run_dir):
            if is_main_process():
                plots.losses({"": read_metrics(run_dir)}, {}, run_dir / "loss.png")
            export.export_model(nlp, run_dir, metrics)
    if metrics:
        nats = metrics["eval_nats_per_byte"]
        logger.info(f"held out: {nats:.4f} nats ({nats / math.log(2):.4f} bits) per byte of text")
    logger.info(f"model: {run_dir / 'trained_model'}")
    leave_process_group()


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that are no matter of the configuration."""
    old_run = parser.add_mutually_exclusive_group()
    old_run.add_argument(
        "--resume",
        action="store_true",
        help="resume a finished run, or one with another configuration",
    )
    old_run.add_argument("--overwrite", action="store_true", help="start over in this folder")
    parser.add_argument("--dry-run", action="store_true", help="check and show all; do not train")
    parser.add_argument(
        "--estimate",
        action="store_true",
        help="show how much memory of GPU and machine, and how much disk it needs; do not train;"
        f" status {DOES_NOT_FIT}: does not fit",
    )
    parser.add_argument(
        "--vram", type=_gibibytes, metavar="GiB", help="with --estimate: memory of another GPU"
    )
    parser.add_argument(
        "--ram",
        type=_gibibytes,
        metavar="GiB",
        help="with --estimate: memory of another machine, whose disk is not judged",
    )
    parser.add_argument("--local_rank", type=int, help="given by the launcher")


def _gibibytes(text: str) -> float:
    try:
        size = float(text)
    except ValueError:
        size = math.nan
    if not 0 < size < math.inf:
        raise argparse.ArgumentTypeError(f"{text}: expected GiB, such as 12")
    return size


if __name__ == "__main__":
    run(main)
