r"""Titles and keywords -> postings, in a CSV or on the terminal.

  python cli_generate_text.py -cfg generate_configs/offline_default.json
  deepspeed --num_gpus 2 cli_generate_text.py -cfg generate_configs/gpt2-large.json
  python cli_generate_text.py -cfg generate_configs/offline_default.json \
      --title "Data Engineer" --keywords "Python,Spark,remote work"
"""

import argparse
from pathlib import Path
from typing import Any

from jobgen.common.cli import parse_arguments, read_config, run
from jobgen.common.config import GenerateConfig, Prompt
from jobgen.common.distributed import is_main_process
from jobgen.common.errors import InputError
from jobgen.common.files import check_writable
from jobgen.common.logging import say
from jobgen.data.tables import read_prompts
from jobgen.generation.output import read_posting_ids


def main() -> None:
    """Read configuration and prompts, load the model, write the postings group by group."""
    arguments = parse_arguments(__doc__, GenerateConfig, _flags)
    if arguments.engine:
        arguments.overrides.append(f"engine={arguments.engine}")
    config = read_config(arguments, GenerateConfig)
    if arguments.keywords and arguments.title is None:
        raise InputError("--keywords", "belongs to --title, which is not given")
    if arguments.title is not None:
        if not is_main_process():
            return
        config = config.model_copy(update={"num_return_sequences": 1})
    prompts = [_prompt(arguments)] if arguments.title is not None else _prompts(config)
    csv_path = Path(config.output_dir) / f"{config.output_name}.csv"
    there: set[str] = set()
    if arguments.title is None:
        check_writable(config.output_dir)
        there = read_posting_ids(csv_path)

    # Heavy libraries load only now, so that a wrong file is reported at once.
    from jobgen.generation.engines import check_engine, open_engine
    from jobgen.generation.generator import Generator
    from jobgen.generation.output import generate_missing
    from jobgen.generation.requests import cap_max_length, number_prompts
    from jobgen.text.memorized import MemorizationIndex
    from utils import NLP_model

    check_engine(config)
    nlp = NLP_model.load(config.model, config.model_preload, config.cache_dir)
    config = cap_max_length(config, nlp.limit)
    pairs = [(prompt.title, prompt.keyword_list()) for prompt in prompts]
    numbered = number_prompts(pairs, nlp.tokenizer, config)
    index = MemorizationIndex.load(nlp.folder)
    if index is None:
        say(f"note: {config.model} has no index of its training texts; copies cannot be found")
    generator = Generator(open_engine(nlp, config), nlp.tokenizer, config, index)
    if arguments.title is not None:
        _show(generator, numbered)
    else:
        generate_missing(generator, numbered, csv_path, there)


def _show(generator: Any, prompts: list[tuple]) -> None:
    """Write one posting to the terminal, as it comes where it is the only candidate."""
    import torch
    from transformers import TextStreamer

    from jobgen.generation.summary import print_figures, print_title

    print_title(prompts[0][1])
    streamer = TextStreamer(generator.tokenizer, skip_special_tokens=True)
    streams = generator.candidates == 1
    streamer = {"follow": lambda token: streamer.put(torch.tensor([token]))} if streams else {}
    (postings,) = generator.generate([prompts], **streamer)
    if streams:
        streamer.end()
    if not postings:
        raise InputError("--title", "all texts were copies of training postings; try another seed")
    if not streams:
        print(postings[0].text)
    print_figures(postings[0])


def _flags(parser: argparse.ArgumentParser) -> None:
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
    # Bytes of the command line that are no UTF-8 come as half characters.
    title, keywords = (
        part.encode("utf-8", "replace").decode() for part in (arguments.title, arguments.keywords)
    )
    return Prompt(title=title, keywords=keywords)


if __name__ == "__main__":
    run(main)
