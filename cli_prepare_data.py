"""Table of job postings -> two pickled DataFrames to train and test on, and a manifest.

python cli_prepare_data.py -cfg prepare_configs/sample.json
python cli_prepare_data.py -cfg prepare_configs/sample.json --set source=my_postings.csv
"""

import argparse
from pathlib import Path

import jobgen.common.startup  # noqa: F401  before all else
from jobgen.common.cli import parse_arguments, read_config, run
from jobgen.common.config import OnlySplit, PrepareConfig
from jobgen.common.files import check_writable, hash_file, hash_folder
from jobgen.common.logging import logger
from jobgen.data.tables import check_readable


def main() -> None:
    """Check what is given, run the stages of the preparation, report what became of the rows."""
    arguments = parse_arguments(__doc__, PrepareConfig, add_flags)
    config = read_config(arguments, PrepareConfig)
    check_readable(config.source, config.encoding, config.columns())
    check_writable(config.output_dir)

    # Heavy libraries load only now, so that a wrong file is reported at once.
    logger.info("loading libraries and models")
    from jobgen.data import pipeline
    from jobgen.data.assembly import assemble_tables, write_prepared
    from jobgen.data.chunk_store import open_chunk_store
    from jobgen.data.grouping import group_rows
    from jobgen.data.source import split_source
    from jobgen.data.summary import print_preparation
    from jobgen.models.hub import WEIGHTS, locate, user_cache
    from jobgen.models.loading import check_positions, positions

    model = locate(config.model, config.cache_dir, weights=False)
    check_positions("max_length", config.max_length, positions(model), config.model)
    embedder = locate(config.embedder, config.cache_dir)
    cache = user_cache(config.cache_dir).resolve() if config.embedding_cache else None

    folder, name = Path(config.output_dir), f"{config.min_length}_{config.max_length}"
    source_sha256 = hash_file(config.source)
    decides = {
        "configuration": config.result_settings(but=OnlySplit),
        "source": source_sha256,
        "models": [hash_folder(model, but=WEIGHTS), hash_folder(embedder)],
    }
    with open_chunk_store(folder / f".prepare_{name}", decides) as store:
        context = pipeline.PipelineContext(
            config, model.resolve(), embedder.resolve(), cache, store, arguments.engine
        )
        split_source(config, store)
        pipeline.check_embedder(context)
        pipeline.clean_rows(context)
        group_rows(config, store)
        pipeline.embed_sample(context)
        pipeline.count_phrases(context)
        pipeline.add_keywords(context)
        prepared = assemble_tables(config, store, source_sha256)
        write_prepared(prepared, store, folder, name)

    print_preparation(prepared)
    for split, n_rows in prepared.manifest["rows_out"].items():
        logger.info(f"{split}: {n_rows} rows in {folder / f'{split}_{name}.pkl'}")


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that do not belong to the configuration."""
    parser.add_argument(
        "--engine",
        choices=("processes", "ray"),
        default="processes",
        help="what runs the workers: processes of this machine, or a Ray cluster"
        " (requirements-ray.txt)",
    )


if __name__ == "__main__":
    run(main)
