r"""Titles and keywords -> postings, in a CSV or on the terminal.

  python cli_generate_text.py -cfg generate_configs/offline_default.json
  python cli_generate_text.py -cfg generate_configs/offline_default.json \
      --title "Data Engineer" --keywords "Python,Spark,remote work"
"""

import argparse
from pathlib import Path
from typing import Any

from jobgen.cli import parse_arguments, read_config, run, say
from jobgen.config import GenerateConfig, Prompt
from jobgen.errors import InputError
from jobgen.frames import check_writable, read_prompts
from jobgen.postings import append_postings, open_postings


def main() -> None:
    """Read configuration and prompts, load the model, write the postings group by group."""
    arguments = parse_arguments(__doc__, GenerateConfig, _flags)
    config = read_config(arguments, GenerateConfig)
    if arguments.keywords and arguments.title is None:
        raise InputError("--keywords", "belongs to --title, which is not given")
    prompts = [_prompt(arguments)] if arguments.title is not None else _prompts(config)
    csv_path = Path(config.output_dir) / f"{config.output_name}.csv"
    there: set[str] = set()
    if arguments.title is None:
        check_writable(config.output_dir)
        there = open_postings(csv_path)

    # Heavy libraries load only now, so that a wrong file is reported at once.
    from jobgen import decoding
    from jobgen.copies import CopyIndex
    from jobgen.writing import Writer
    from utils import NLP_model

    device = decoding.pick_device(config.device)
    nlp = NLP_model.load(config.model, config.model_preload, config.cache_dir)
    config = decoding.fit_to_positions(config, nlp.limit)
    pairs = [(prompt.title, prompt.keyword_list()) for prompt in prompts]
    pairs, neutralised = decoding.neutralise_prompts(pairs, nlp.tokenizer)
    if neutralised:
        say(f"note: {neutralised} special-token strings in the prompts were neutralised")
    numbered = [
        (number, title, decoding.fit_keywords(nlp.tokenizer, title, keywords, config))
        for number, (title, keywords) in enumerate(pairs)
    ]
    index = CopyIndex.load(nlp.folder)
    if index is None:
        say(f"note: {config.model} has no index of its training texts; copies cannot be found")
    decoding.place_model(nlp.model, device, config.half_precision)
    if arguments.title is not None:
        config = config.model_copy(update={"num_return_sequences": 1})
        _show(Writer(nlp.model, nlp.tokenizer, config, index), numbered)
        return
    writer = Writer(nlp.model, nlp.tokenizer, config, index)
    _append(writer, numbered, csv_path, there)


def _append(writer: Any, prompts: list[tuple], csv_path: Path, there: set[str]) -> None:
    """Write what the CSV does not have yet."""
    from tqdm import tqdm

    missing = [prompt for prompt in prompts if not there.issuperset(writer.ids_of(*prompt))]
    done, written = len(prompts) - len(missing), 0
    if done:
        say(f"{done} of {len(prompts)} prompts are in {csv_path} already")
    total = len(missing) * writer.candidates
    try:
        with tqdm(total=total, desc="writing", unit=" texts", disable=not total) as progress:
            for postings in writer.write(missing, progress=progress.update):
                written += append_postings(csv_path, postings)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"{written} postings were written. The same command goes on from there."
        ) from None
    if writer.copies:
        say(f"{writer.copies} texts were left out: copies of training postings")
    say(f"{written} postings appended to {csv_path}")


def _show(writer: Any, prompts: list[tuple]) -> None:
    """Write one posting to the terminal, as it comes where it is the only candidate."""
    import torch
    from transformers import TextStreamer

    from jobgen.report import print_figures, print_title

    print_title(prompts[0][1])
    streamer = TextStreamer(writer.tokenizer, skip_special_tokens=True)
    streams = writer.candidates == 1
    follow = {"follow": lambda token: streamer.put(torch.tensor([token]))} if streams else {}
    postings = [posting for group in writer.write(prompts, **follow) for posting in group]
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
