r"""Titles and keywords -> postings, in a CSV or on the terminal.

  python cli_generate_text.py -cfg generate_configs/offline_default.json
  deepspeed --num_gpus 2 cli_generate_text.py -cfg generate_configs/gpt2-large.json
  python cli_generate_text.py -cfg generate_configs/offline_default.json \
      --title "Data Engineer" --keywords "Python,Spark,remote work"
"""

import argparse
from functools import partial
from pathlib import Path
from typing import Any

import jobgen.common.startup  # noqa: F401  before all else
from jobgen.common.cli import parse_arguments, read_config, run
from jobgen.common.config import GenerateConfig, Prompt
from jobgen.common.distributed import is_main_process
from jobgen.common.errors import InputError
from jobgen.common.files import check_writable
from jobgen.common.logging import logger
from jobgen.data.tables import read_prompts
from jobgen.generation.output import read_posting_ids


def main() -> None:
    """Read the configuration, then write one posting to the terminal or many into a CSV."""
    arguments = parse_arguments(__doc__, GenerateConfig, add_flags)
    if arguments.engine:
        arguments.overrides.append(f"engine={arguments.engine}")
    config = read_config(arguments, GenerateConfig)
    if arguments.keywords and arguments.title is None:
        raise InputError("--keywords", "belongs to --title, which is not given")
    if arguments.title is None:
        write_csv(config)
    elif is_main_process():
        write_to_terminal(config, _prompt(arguments))


def write_csv(config: GenerateConfig) -> None:
    """Write what the CSV lacks of the postings that the configuration asks for."""
    prompts = _prompts(config)
    csv_path = Path(config.output_dir) / f"{config.output_name}.csv"
    check_writable(config.output_dir)
    written_ids = read_posting_ids(csv_path)
    generator, numbered = open_generation(config, prompts)
    from jobgen.generation.output import generate_missing

    generate_missing(generator, numbered, csv_path, written_ids)


def write_to_terminal(config: GenerateConfig, prompt: Prompt) -> None:
    """Write one posting, token by token where it is the only candidate."""
    config = config.model_copy(update={"num_return_sequences": 1})
    generator, numbered = open_generation(config, [prompt])
    from jobgen.generation.streaming import RedactedStream
    from jobgen.generation.summary import print_figures, print_title

    print_title(numbered[0][1])
    stream = RedactedStream(generator.tokenizer, partial(print, end="", flush=True))
    streamer = stream.put if generator.candidates == 1 else None
    (postings,) = generator.generate([numbered], streamer)
    if not postings:
        raise InputError(
            "--title", "all texts were copied from training postings; try another seed"
        )
    stream.end(postings[0].text)
    print_figures(postings[0])


def open_generation(config: GenerateConfig, prompts: list[Prompt]) -> tuple[Any, list[tuple]]:
    """Load the model; number the prompts.

    Heavy libraries load only here, so that a wrong file is reported at once.

    Returns:
        The `Generator` and the numbered prompts.
    """
    from jobgen.generation.engines import check_engine
    from jobgen.generation.generator import open_generator
    from jobgen.generation.requests import number_prompts
    from utils import NLP_model

    check_engine(config)
    nlp = NLP_model.load(config.model, config.model_preload, config.cache_dir)
    generator = open_generator(nlp, config)
    if generator.index is None:
        logger.info(
            f"note: {config.model} has no index of its training texts, so copies cannot be found"
        )
    pairs = [(prompt.title, prompt.keyword_list()) for prompt in prompts]
    return generator, number_prompts(pairs, nlp.tokenizer, generator.config)


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that are no matter of the configuration."""
    parser.add_argument("--title", help="write for this title, to the terminal, into no file")
    parser.add_argument("--keywords", default="", help="comma-separated, for --title")
    parser.add_argument("--engine", help="short for --set engine=...")
    parser.add_argument("--local_rank", type=int, help="given by the launcher")


def _prompts(config: GenerateConfig) -> list[Prompt]:
    prompts = list(config.prompts)
    if config.prompts_file:
        rows = read_prompts(config.prompts_file)
        prompts += [Prompt(title=title, keywords=keywords) for title, keywords in rows]
    if not prompts:
        raise InputError("prompts", "there are none; expected some here or in prompts_file")
    return prompts


def _prompt(arguments: argparse.Namespace) -> Prompt:
    if not arguments.title.strip():
        raise InputError("--title", "is empty; expected a job title")
    # Bytes of the command line that are not UTF-8 arrive as lone surrogates.
    title, keywords = (
        part.encode("utf-8", "replace").decode() for part in (arguments.title, arguments.keywords)
    )
    return Prompt(title=title, keywords=keywords)


if __name__ == "__main__":
    run(main)
