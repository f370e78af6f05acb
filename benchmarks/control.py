"""Keywords in generated postings: plain sampling, ranking, guided decoding.

python benchmarks/control.py --model runs/real/trained_model --test input_data/test_128_700.pkl
python benchmarks/control.py --model ... --test ... --resume       # continue an interrupted run

Each way writes a posting for each of the four sample prompts and of 100 held-out ones (a title and
its first 8 keywords). Perplexity is that of the drawn tokens, under the model without guidance.
Coverage is by stems; *other* is the coverage of the next prompt's keywords, which nobody asked for.
A full run takes about 40 minutes on 2 cores, most of it for the best of eight.
"""

import argparse
import math
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from measuring import ROOT, add_bar, announce, open_results, print_results, save

if TYPE_CHECKING:
    from jobgen.generation.posting import Posting
    from jobgen.generation.requests import NumberedPrompt
    from utils import NLP_model

SEED, KEYWORDS = 20220213, 8
ROWS = {
    "plain": {"guidance": "off"},
    "soft": {"guidance": "soft"},
    "hard": {"guidance": "hard"},
    "plain, best of 8": {"guidance": "off", "num_candidates": 8},
}
COLUMNS = {
    "way": "way",
    "coverage": "coverage",
    "other": "other_coverage",
    "perplexity": "perplexity",
    "distinct-2": "distinct_2",
    "finished": "finished",
    "tokens": "tokens",
    "seconds": "seconds",
    "longest memorized": "longest_memorized_words",
}


def main() -> None:
    """Measure row after row, and save each at once; print the table and the bars."""
    arguments = parse_arguments()
    from jobgen.common.files import hash_folder

    about = {"model": hash_folder(arguments.model), "prompts": arguments.prompts}
    about["max_length"] = arguments.max_length
    libraries = ("torch", "transformers")
    results = open_results(arguments.output, arguments.resume, libraries, **about)
    nlp, prompts = load(arguments)
    for way, settings in ROWS.items():
        if way in arguments.only and not any(row["way"] == way for row in results["rows"]):
            announce(way)
            row, postings = measure(nlp, prompts, settings, arguments.max_length)
            results["rows"].append({"way": way} | row)
            save(arguments.output, results)
            if arguments.texts:
                from jobgen.generation.output import append_postings

                append_postings(arguments.texts / f"{way}.csv", postings)
    add_bars(results)
    save(arguments.output, results)
    print_results(results, COLUMNS)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--model", type=Path, required=True, metavar="FOLDER", help="fine-tuned")
    parser.add_argument("--test", required=True, metavar="FILE", help="prepared table, held out")
    parser.add_argument(
        "--prompts", type=int, default=100, help="number of held-out prompts (%(default)s)"
    )
    parser.add_argument("--max_length", type=int, default=700, help="most tokens (%(default)s)")
    parser.add_argument("--only", default=";".join(ROWS), help="rows to measure (%(default)s)")
    parser.add_argument("--texts", type=Path, metavar="FOLDER", help="keep the texts there")
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks/results/control.json")
    parser.add_argument("--resume", action="store_true", help="keep the rows in OUTPUT")
    arguments = parser.parse_args()
    arguments.only = arguments.only.split(";")
    if unknown := set(arguments.only) - set(ROWS):
        parser.error(f"--only {';'.join(sorted(unknown))}: expected some of {';'.join(ROWS)}")
    return arguments


def load(arguments: argparse.Namespace) -> tuple["NLP_model", list["NumberedPrompt"]]:
    """The model, and the numbered prompts."""
    from jobgen.common.config import GenerateConfig
    from jobgen.common.config_loader import load_config
    from jobgen.data.tables import read_prepared
    from jobgen.generation.requests import number_prompts
    from utils import NLP_model

    samples, _ = load_config(ROOT / "generate_configs/offline_default.json", GenerateConfig)
    prompts = [(prompt.title, prompt.keyword_list()) for prompt in samples.prompts]
    test = read_prepared(arguments.test)
    if len(test) < arguments.prompts:
        sys.exit(f"error: --prompts {arguments.prompts}: {arguments.test} has {len(test)} rows")
    test = test.sample(arguments.prompts, random_state=SEED)
    prompts += [
        (title, keywords[:KEYWORDS])
        for title, keywords in zip(test["title"], test["keywords"], strict=True)
    ]
    nlp = NLP_model.load(str(arguments.model))
    config = GenerateConfig(model="m", max_length=arguments.max_length)
    return nlp, number_prompts(prompts, nlp.tokenizer, config)


def measure(
    nlp: "NLP_model", prompts: list["NumberedPrompt"], settings: dict[str, Any], max_length: int
) -> tuple[dict[str, Any], list["Posting"]]:
    """Write a posting for each prompt in one way; the row of results, and the postings."""
    from jobgen.common.config import GenerateConfig
    from jobgen.evaluation.diversity import distinct_parts
    from jobgen.generation.generator import open_generator
    from jobgen.text.coverage import covered_by_stems
    from jobgen.text.ngrams import count_words

    config = GenerateConfig(model="m", max_length=max_length, seed=SEED, **settings)
    generator = open_generator(nlp, config)
    began = time.monotonic()
    postings = [
        posting for group in generator.generate(generator.groups(prompts)) for posting in group
    ]
    seconds = time.monotonic() - began
    tokens = [len(nlp.tokenizer.encode(posting.text)) + posting.finished for posting in postings]
    nats = sum(n * posting.nats_per_token for n, posting in zip(tokens, postings, strict=True))
    asked = sum(len(posting.keywords) for posting in postings)
    others = [*postings[1:], postings[0]]
    swapped = [
        covered_by_stems(posting.text, other.keywords)
        for posting, other in zip(postings, others, strict=True)
    ]
    texts = [posting.text for posting in postings]
    distinct, bigrams = distinct_parts(texts, 2, count_words(texts))
    row = {
        "coverage": sum(posting.covered for posting in postings) / asked,
        "other_coverage": sum(map(sum, swapped)) / asked,
        "perplexity": math.exp(nats / sum(tokens)),
        "distinct_2": float(distinct.sum() / bigrams.sum()),
        "finished": sum(posting.finished for posting in postings) / len(postings),
        "tokens": sum(tokens),
        "seconds": round(seconds, 1),
        "longest_memorized_words": max((posting.memorized_words or 0) for posting in postings),
        "dropped_as_memorized": generator.memorized,
    }
    return row, postings


def add_bars(results: dict[str, Any]) -> None:
    """Add the bars for which there are rows to the results."""
    results["bars"] = []
    rows = {row["way"]: row for row in results["rows"]}
    for way, least in (("plain, best of 8", 0.46), ("soft", 0.95), ("hard", 1.0)):
        if way in rows:
            coverage = rows[way]["coverage"]
            add_bar(results, f"coverage, {way}", coverage, f"at least {least}", coverage >= least)
    if not {"plain", "soft"} <= rows.keys():
        return
    plain, soft = rows["plain"], rows["soft"]
    ratio = soft["perplexity"] / plain["perplexity"]
    add_bar(results, "perplexity, soft to plain", ratio, "at most 1.10", ratio <= 1.10)
    ratio = soft["distinct_2"] / plain["distinct_2"]
    add_bar(results, "distinct-2, soft to plain", ratio, "at least 0.95", ratio >= 0.95)
    share = soft["finished"]
    add_bar(results, "finished, soft", share, "at least 0.95", share >= 0.95)


if __name__ == "__main__":
    main()
