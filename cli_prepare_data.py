"""Table of job postings -> two pickled DataFrames to train and test on, and a manifest.

python cli_prepare_data.py -cfg prepare_configs/sample.json --preview 3
python cli_prepare_data.py -cfg prepare_configs/sample.json
python cli_prepare_data.py -cfg prepare_configs/sample.json --set source=my_postings.csv
"""

import argparse
import json
import sys
from pathlib import Path

import jobgen.common.startup  # noqa: F401  before all else
from jobgen.common.cli import parse_arguments, read_config, run
from jobgen.common.config import OnlySplit, PrepareConfig, TrainConfig
from jobgen.common.config_loader import load_config
from jobgen.common.errors import InputError
from jobgen.common.files import check_writable
from jobgen.common.logging import logger, show_messages_in_stderr
from jobgen.data.reading import fingerprint
from jobgen.data.source import source_of, split_source
from jobgen.data.tables import check_readable


def main() -> None:
    """Check what is given; then show some rows, or prepare all of them."""
    arguments = parse_arguments(__doc__, PrepareConfig, add_flags)
    if arguments.json and arguments.preview is None:
        raise InputError("--json", "belongs to --preview")
    if arguments.json:
        show_messages_in_stderr()
    config = read_config(arguments, PrepareConfig)
    check_readable(source_of(config), config.columns())
    if arguments.preview is None:
        prepare(config, arguments.engine)
    else:
        preview(config, arguments.preview, arguments.json)


def prepare(config: PrepareConfig, engine: str) -> None:
    """Run the stages of the preparation, and report what became of the rows."""
    from jobgen.data.chunk_store import open_chunk_store

    check_writable(config.output_dir)
    folder = Path(config.output_dir)
    source_sha256 = fingerprint(source_of(config))
    decides = {"configuration": config.result_settings(but=OnlySplit), "source": source_sha256}
    unfinished = folder / f".prepare_{config.min_length}_{config.max_length}"
    with open_chunk_store(unfinished, decides) as store:
        split_source(config, store)
        # Heavy libraries load only now, so that wrong rows are reported at once.
        logger.info("loading libraries and models")
        from jobgen.data.assembly import assemble_tables, write_prepared
        from jobgen.data.pipeline import open_context, run_stages
        from jobgen.data.summary import print_preparation

        context = open_context(config, store, engine, trainable_length(config))
        run_stages(context)
        prepared = assemble_tables(context, source_sha256)
        write_prepared(prepared, store, folder)

    print_preparation(prepared)
    for split, n_rows in prepared.manifest["rows_out"].items():
        logger.info(f"{split}: {n_rows} rows in {folder / f'{split}_{prepared.name}.pkl'}")
    logger.info(f"dropped: {len(prepared.dropped)} rows in {folder / 'dropped.csv'}")


def trainable_length(config: PrepareConfig) -> int | None:
    """Tokens of the longest posting that there is memory to train with; None: not asked for."""
    if config.max_length != "auto" or config.train_config is None:
        return None
    from jobgen.training.memory import longest_posting_on_gpu
    from utils import NLP_model

    train_config, _ = load_config(config.train_config, TrainConfig, check_files=False)
    longest = longest_posting_on_gpu(NLP_model(train_config), config.vram)
    gpu = f"a GPU of {config.vram:g} GiB"
    if longest is None or longest < config.min_length:
        raise InputError(
            config.train_config,
            f"does not fit on {gpu}, however short the postings; vram names another, and"
            " cli_training.py --estimate says what would fit",
        )
    logger.info(f"{config.train_config} can train postings of {longest} tokens on {gpu}")
    return longest


def preview(config: PrepareConfig, n_rows: int, as_json: bool) -> None:
    """Show the first rows before and after the preparation; write nothing."""
    logger.info("loading libraries and models")
    from jobgen.data.preview import preview_rows, print_preview

    rows = preview_rows(config, n_rows)
    if as_json:
        is_unicode = "utf" in sys.stdout.encoding.lower()
        content = [row._asdict() for row in rows]
        print(json.dumps(content, ensure_ascii=not is_unicode, indent=2))
    else:
        print_preview(rows)


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that do not belong to the configuration."""
    parser.add_argument(
        "--preview",
        type=_number_of_rows,
        metavar="N",
        help="show the first N rows before and after, with keywords and contacts marked, and write"
        " nothing",
    )
    parser.add_argument("--json", action="store_true", help="with --preview: as a JSON list")
    parser.add_argument(
        "--engine",
        choices=("processes", "ray"),
        default="processes",
        help="what runs the workers: processes of this machine, or a Ray cluster"
        " (requirements-ray.txt)",
    )


def _number_of_rows(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


if __name__ == "__main__":
    run(main)
