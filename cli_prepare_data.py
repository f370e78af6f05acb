"""Table of job postings -> two pickled DataFrames to train and test on, and a manifest.

python cli_prepare_data.py -cfg prepare_configs/sample.json
python cli_prepare_data.py -cfg prepare_configs/sample.json --set source=my_postings.csv
"""

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

from jobgen.common.cli import parse_arguments, read_config, run
from jobgen.common.config import OnlySplit, PrepareConfig
from jobgen.common.errors import TableError
from jobgen.common.files import check_writable, hash_file, hash_folder
from jobgen.common.logging import say
from jobgen.data.tables import check_readable


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that are no matter of the configuration."""
    parser.add_argument(
        "--engine",
        choices=("processes", "ray"),
        default="processes",
        help="what does the work: processes of this machine, or a Ray cluster (requirements-ray)",
    )


def main() -> None:
    """Read, clean, find copies, extract keywords, filter by length, split, write."""
    arguments = parse_arguments(__doc__, PrepareConfig, add_flags)
    config = read_config(arguments, PrepareConfig)
    check_readable(config.source, config.encoding, config.columns())
    check_writable(config.output_dir)

    # Heavy libraries load only now, so that a wrong file is reported at once.
    from jobgen.data import pipeline as preparation
    from jobgen.data.chunk_store import close_chunk_store, open_chunk_store
    from jobgen.data.parallel import for_each_chunk, release_workers
    from jobgen.evaluation import summary as report
    from jobgen.models.hub import WEIGHTS, locate, user_cache
    from jobgen.models.loading import check_positions, positions

    model = locate(config.model, config.cache_dir, weights=False)
    check_positions("max_length", config.max_length, positions(model), config.model)
    embedder = locate(config.embedder, config.cache_dir)

    folder, name = Path(config.output_dir), f"{config.min_length}_{config.max_length}"
    source_sha256 = hash_file(config.source)
    decides = {
        "configuration": config.result_settings(but=OnlySplit),
        "source": source_sha256,
        "models": [hash_folder(model, but=WEIGHTS), hash_folder(embedder)],
        "code": hash_folder(Path(preparation.__file__).parent),
    }
    cache = user_cache(config.cache_dir).resolve() if config.embedding_cache else None
    is_new = not folder.exists()
    store, lock = open_chunk_store(folder / f".prepare_{name}", decides)
    context = preparation.PipelineContext(config, model.resolve(), embedder.resolve(), cache, store)

    def each(stage: str, function: Callable, label: str) -> None:
        done = set(store.chunks(stage))
        left = [chunk for chunk in store.chunks("source") if chunk not in done]
        for_each_chunk(partial(function, context), left, label, arguments.engine, config.workers)

    try:
        preparation.split_source(config, store)
        preparation.check_embedder(context)
        each("clean", preparation.clean_chunk, "cleaning")
        preparation.refuse_empty(config, store)
        preparation.group_rows(config, store)
        each("sample", preparation.embed_sample_chunk, "embedding a sample")
        preparation.count_phrases(context)
        each("keywords", preparation.add_keywords_chunk, "keywords")
        release_workers()  # the end holds the whole table in memory
        prepared = preparation.assemble_tables(config, store, source_sha256)
        preparation.write_prepared(prepared, store, folder, name)
    except TableError:
        close_chunk_store(store, lock)
        if is_new:
            folder.rmdir()
        raise
    except KeyboardInterrupt:
        raise KeyboardInterrupt("The same command goes on where this one stopped.") from None
    close_chunk_store(store, lock)
    report.print_preparation(prepared)
    for part in ("train", "test"):
        rows = prepared.manifest["rows_out"][part]
        say(f"{part}: {rows} rows in {folder / f'{part}_{name}.pkl'}")


if __name__ == "__main__":
    run(main)
