"""Prepared tables -> fine-tuned model folder, under DeepSpeed's launcher or in one process.

deepspeed cli_training.py -cfg train_configs/offline_default.json
deepspeed --num_gpus 2 cli_training.py -cfg train_configs/gpt2-large.json
python cli_training.py -cfg train_configs/offline_default.json --dry-run
"""

import argparse
import math
import sys
from pathlib import Path

from jobgen.common.cli import parse_arguments, read_config, run
from jobgen.common.config import TrainConfig
from jobgen.common.distributed import is_main_process
from jobgen.common.errors import InputError
from jobgen.common.files import check_writable
from jobgen.common.logging import say
from jobgen.data.tables import read_prepared

DOES_NOT_FIT = 3  # the exit status of an estimate


def main() -> None:
    """Read configuration and tables, check them, train, export."""
    arguments = parse_arguments(__doc__, TrainConfig, _flags)
    for name in ("vram", "ram"):
        if getattr(arguments, name) is not None and not arguments.estimate:
            raise InputError(f"--{name}", "belongs to --estimate")
    config = read_config(arguments, TrainConfig, required=("train",))
    train_frame = read_prepared(config.train)
    test_frame = read_prepared(config.test) if config.test else None
    run_dir = Path(config.output_dir)
    check_writable(config.output_dir)

    # Heavy libraries load only now, so that a wrong file is reported at once.
    from jobgen.common.distributed import leave_process_group
    from jobgen.evaluation import plots
    from jobgen.evaluation import summary as report
    from jobgen.training import arguments as training
    from jobgen.training import checkpoints, export, run_folder
    from utils import NLP_model

    nlp = NLP_model(config)
    training_set = nlp.training_set(train_frame)
    test_set = nlp.test_set(test_frame) if config.test else None
    elsewhere = arguments.vram is not None and config.half_precision
    precision = None if elsewhere else training.precision_of(config)
    training.check_settings(config, precision)
    report.print_training(config, training_set, test_set, precision)
    if arguments.estimate:
        if not is_main_process():  # another status than 0 would end the process that prints
            return
        from jobgen.training import memory

        target = memory.find_target(config, arguments.vram, arguments.ram)
        estimate = memory.Estimate(nlp, training_set, target)
        report.print_estimate(estimate)
        sys.exit(0 if estimate.fits() else DOES_NOT_FIT)
    report.print_rows(training_set)
    if arguments.dry_run:
        return
    should_resume = run_folder.should_resume(config, arguments.resume, arguments.overwrite)
    with checkpoints.report_disk_full(run_dir), run_folder.lock_run(run_dir):
        nlp.load_weights()  # before an old run is cleared, in case they cannot be loaded
        run_folder.start_run(config, nlp.model, training_set, test_set, fresh=not should_resume)
        figures = nlp.train(training_set, test_set, resume=should_resume)
        if is_main_process():
            plots.losses({"": run_folder.read_metrics(run_dir)}, {}, run_dir / "loss.png")
        export.export_model(nlp, run_dir, figures)
    if figures:
        say(f"held out: {figures['eval_nats_per_byte']:.4f} nats a byte")
    say(f"model: {run_dir / 'trained_model'}")
    leave_process_group()


def _flags(parser: argparse.ArgumentParser) -> None:
    old_run = parser.add_mutually_exclusive_group()
    old_run.add_argument(
        "--resume",
        action="store_true",
        help="go on with a finished run, or one of another configuration",
    )
    old_run.add_argument("--overwrite", action="store_true", help="start over in this folder")
    parser.add_argument("--dry-run", action="store_true", help="check and show all; do not train")
    parser.add_argument(
        "--estimate",
        action="store_true",
        help="show what it would need of the memory of GPU and machine, and of the disk; do not"
        f" train; status {DOES_NOT_FIT}: does not fit",
    )
    parser.add_argument(
        "--vram", type=_gigabytes, metavar="GB", help="with --estimate: of a GPU with this memory"
    )
    parser.add_argument(
        "--ram",
        type=_gigabytes,
        metavar="GB",
        help="with --estimate: of another machine with this memory, whose disk is not judged",
    )
    parser.add_argument("--local_rank", type=int, help="given by the launcher")


def _gigabytes(text: str) -> float:
    try:
        size = float(text)
    except ValueError:
        size = math.nan
    if not 0 < size < math.inf:
        raise argparse.ArgumentTypeError(f"{text}: expected _gigabytes, such as 12")
    return size


if __name__ == "__main__":
    run(main)
