"""Table of job postings -> two pickled DataFrames to train and test on, and a manifest.

python cli_prepare_data.py -cfg prepare_configs/sample.json
python cli_prepare_data.py -cfg prepare_configs/sample.json --set source=my_postings.csv
"""

from pathlib import Path

from jobgen.cli import parse_arguments, read_config, run, say
from jobgen.config import PrepareConfig
from jobgen.frames import check_writable, read_table, select_columns, write_json, write_whole


def main() -> None:
    """Read, clean, filter, extract keywords, filter by length, split, write."""
    arguments = parse_arguments(__doc__, PrepareConfig)
    config = read_config(arguments, PrepareConfig)
    columns = {"title": config.title_column, "text": config.text_column}
    table = read_table(config.source, config.encoding)
    rows, n_bad = select_columns(table, config.source, columns, config.bad_rows)
    check_writable(config.output_dir)

    # Heavy libraries load only now, so that a wrong file is reported at once.
    from jobgen import preparation, report
    from jobgen.models import check_positions, load_tokenizer, locate, positions

    model = locate(config.model, config.cache_dir, weights=False)
    check_positions("max_tokens", config.max_tokens, positions(model), config.model)
    tokenizer = load_tokenizer(model)
    embedder = locate(config.embedder, config.cache_dir)

    counts = preparation.Counts(read=len(table), unusable=n_bad)
    rows = preparation.refuse_empty(rows, config, counts)
    cleaned = preparation.clean(rows, tokenizer, counts)
    short_enough = preparation.drop_far_too_long(cleaned, tokenizer, config, counts)
    keyworded = preparation.add_keywords(short_enough, embedder, config)
    kept = preparation.filter_by_length(keyworded, tokenizer, config, counts)
    train, test = preparation.split(kept, config)

    name = f"{config.min_tokens}_{config.max_tokens}"
    folder = Path(config.output_dir)
    for part, frame in (("train", train), ("test", test)):
        write_whole(folder / f"{part}_{name}.pkl", frame.to_pickle)
    manifest = preparation.manifest(config, counts, train, test)
    write_json(folder / f"manifest_{name}.json", manifest)
    report.print_preparation(counts, kept["n_tokens"])
    for part in ("train", "test"):
        say(f"{part}: {manifest['rows_out'][part]} rows in {folder / f'{part}_{name}.pkl'}")


if __name__ == "__main__":
    run(main)
