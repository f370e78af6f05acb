r"""Titles and keywords -> postings, in a CSV or on the terminal.

  python cli_generate_text.py -cfg generate_configs/offline_default.json
  python cli_generate_text.py -cfg generate_configs/offline_default.json \
      --title "Data Engineer" --keywords "Python,Spark,remote work"
"""

import argparse
from pathlib import Path

from jobgen.cli import parse_arguments, read_config, run, say
from jobgen.config import GenerateConfig, Prompt
from jobgen.errors import InputError
from jobgen.frames import check_writable
from jobgen.postings import append_postings, check_postings_file


def main() -> None:
    """Read the configuration, load the model, write the postings batch by batch."""
    arguments = parse_arguments(__doc__, GenerateConfig, _flags)
    to_terminal = arguments.title is not None
    config = read_config(arguments, GenerateConfig, required=() if to_terminal else ("prompts",))
    csv_path = Path(config.output_dir) / f"{config.output_name}.csv"
    if arguments.keywords and not to_terminal:
        raise InputError("--keywords", "belongs to --title, which is not given")
    if to_terminal:
        config.prompts, config.num_return_sequences = [_prompt(arguments)], 1
    else:
        check_writable(config.output_dir)
        check_postings_file(csv_path)

    # Heavy libraries load only now, so that a wrong file is reported at once.
    from tqdm import tqdm

    from jobgen.decoding import fit_to_positions, neutralise_prompts, pick_device, write_postings
    from jobgen.report import print_posting
    from utils import NLP_model

    device = pick_device(config.device)
    nlp = NLP_model.load(config.model, config.model_preload, config.cache_dir)
    config = fit_to_positions(config, nlp.limit)
    prompts = [(prompt.title, prompt.keyword_list()) for prompt in config.prompts]
    prompts, neutralised = neutralise_prompts(prompts, nlp.tokenizer)
    if neutralised:
        say(f"note: {neutralised} special-token strings in the prompts were neutralised")
    nlp.model.to(device)

    weights = config.model_preload or config.model
    total, written = len(prompts) * config.num_return_sequences, 0
    batches = write_postings(nlp.model, nlp.tokenizer, prompts, config)
    try:
        with tqdm(total=total, desc="writing", unit=" postings", disable=to_terminal) as progress:
            for postings in batches:
                if to_terminal:
                    for posting in postings:
                        print_posting(posting)
                else:
                    append_postings(csv_path, postings, config.seed, weights)
                written += len(postings)
                progress.update(len(postings))
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"{written} of {total} postings were written.") from None
    if not to_terminal:
        say(f"{total} postings appended to {csv_path}")


def _flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--title", help="write for this title, to the terminal, into no file")
    parser.add_argument("--keywords", default="", help="comma-separated, for --title")


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
