"""Tokens per second: the original's loop, transformers' own generation, this project's.

python benchmarks/generate.py --model runs/real/trained_model --test input_data/test_128_700.pkl
python benchmarks/generate.py --model ... --test ... --resume      # continue an interrupted run
python benchmarks/generate.py --model ... --test ... --sizes 500   # on a GPU

The prompts are held-out titles with their first 8 keywords. 100 sequences are 5 for each of 20
prompts, 20 are 5 for each of 4, and so on. The original project calls `model.generate` once for
each prompt, in fp32. All ways sample with the same settings; perplexity is that of their texts
under the model in fp32. Engines that are not installed are left out. The cores must be idle. A full
run takes about an hour on 2 cores.
"""

import argparse
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from measuring import ROOT, add_bar, announce, open_results, print_results, save

if TYPE_CHECKING:
    from jobgen.common.config import GenerateConfig

SEED, KEYWORDS, EACH = 20220213, 8, 5
SIZES = (1, 5, 20, 100)
LOOP, BATCHED, OURS = "original's loop", "model.generate, one batch", "jobgen"
STATIC = f"{BATCHED}, 16 bits, static cache"  # compiled, on a GPU
# way -> its settings; those that name an engine are this project, the others `model.generate`
WAYS = {
    LOOP: {"half_precision": False},
    BATCHED: {"half_precision": False},
    f"{BATCHED}, 16 bits": {},
    STATIC: {},
    f"{OURS}, plain, fp32": {
        "engine": "transformers",
        "half_precision": False,
        "guidance": "off",
    },
    f"{OURS}, plain": {"engine": "transformers", "guidance": "off"},
    f"{OURS}, soft": {"engine": "transformers", "guidance": "soft"},
    f"{OURS}, hard": {"engine": "transformers", "guidance": "hard"},
    "llama.cpp, 8 bits, plain": {"engine": "llama.cpp", "guidance": "off"},
    "llama.cpp, 8 bits, soft": {"engine": "llama.cpp", "guidance": "soft"},
    "llama.cpp, 4 bits, plain": {
        "engine": "llama.cpp",
        "gguf_type": "q4_1",
        "guidance": "off",
    },
    "vllm, plain": {"engine": "vllm", "guidance": "off"},
}
COLUMNS = {
    "way": "way",
    "sequences": "sequences",
    "tokens": "tokens",
    "seconds": "seconds",
    "tokens/s": "tokens_per_second",
    "coverage": "coverage",
    "perplexity": "perplexity",
}


def main() -> None:
    """Measure row after row, and save each at once; print the table and the bars."""
    arguments = parse_arguments()
    from jobgen.common.files import hash_folder

    model = hash_folder(arguments.model, but=(".gguf", ".lock"))
    about = {"model": model, "max_length": arguments.max_length}
    results = open_results(arguments.output, arguments.resume, ("torch", "transformers"), **about)
    measured = {(row["way"], row["sequences"]) for row in results["rows"]}
    judge = Judge(arguments)
    for way in arguments.only:
        sizes = [size for size in arguments.sizes if (way, size) not in measured]
        writer = open_writer(arguments, judge, way) if sizes else None
        for size in sizes if writer else []:
            busy = announce(f"{way}, {size} sequences")
            row = writer.measure(size, one_by_one=way == LOOP)
            row = {"way": way, "sequences": size, "busy_percent": busy} | row
            results["rows"].append(row)
            save(arguments.output, results)
    add_bars(results)
    save(arguments.output, results)
    print_results(results, COLUMNS)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--model", type=Path, required=True, metavar="FOLDER", help="fine-tuned")
    parser.add_argument("--test", required=True, metavar="FILE", help="prepared table, held out")
    parser.add_argument("--max_length", type=int, default=300, help="tokens (%(default)s)")
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)), help="(%(default)s)")
    parser.add_argument("--only", default=";".join(WAYS), help="ways to measure (%(default)s)")
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks/results/generate.json")
    parser.add_argument("--resume", action="store_true", help="keep the rows that OUTPUT has")
    arguments = parser.parse_args()
    arguments.only = arguments.only.split(";")
    if unknown := set(arguments.only) - set(WAYS):
        parser.error(f"--only {';'.join(sorted(unknown))}: expected some of {';'.join(WAYS)}")
    arguments.sizes = [int(size) for size in arguments.sizes.split(",")]
    return arguments


def open_writer(arguments: argparse.Namespace, judge: "Judge", way: str) -> "Writer | None":
    """Load the model for a way of writing; None: its engine is not installed."""
    from jobgen.common.config import GenerateConfig
    from jobgen.common.errors import InputError
    from jobgen.generation.engines import check_engine

    config = GenerateConfig(model="m", max_length=arguments.max_length, seed=SEED, **WAYS[way])
    try:
        check_engine(config)
    except InputError as missing:
        print(f"{way}: left out: {missing}")
        return None
    return Writer(arguments, judge, config, way)


class Judge:
    """The model in fp32, which says how likely a text is; and the prompts.

    Args:
        arguments: of the command line; they name the model and the held-out table.
    """

    def __init__(self, arguments: argparse.Namespace):
        from jobgen.data.tables import read_prepared
        from jobgen.generation.batching import pick_device, place_model
        from utils import NLP_model

        nlp = NLP_model.load(str(arguments.model))
        place_model(nlp.model, pick_device("auto"), half_precision=False)
        self.model, self.tokenizer = nlp.model.eval(), nlp.tokenizer
        prompts = max(*SIZES, *arguments.sizes) // EACH
        test = read_prepared(arguments.test).sample(prompts, random_state=SEED)
        self.pairs = [
            (title, keywords[:KEYWORDS])
            for title, keywords in zip(test["title"], test["keywords"], strict=True)
        ]

    def nats(self, prompt: list[int], text: list[int]) -> float:
        """Negative log-likelihood of a text."""
        import torch

        with torch.no_grad():
            ids = torch.tensor([prompt + text], device=self.model.device)
            logits = self.model(ids, logits_to_keep=len(text) + 1).logits[0, :-1].float()
        return float(torch.nn.functional.cross_entropy(logits, ids[0, -len(text) :])) * len(text)


class Writer:
    """Writes in one way, with a model that is loaded once for all sizes.

    Args:
        arguments: of the command line; they name the model.
        judge: says how likely the texts are.
        config: the settings of the way.
        way: a name in `WAYS`.
    """

    def __init__(
        self, arguments: argparse.Namespace, judge: Judge, config: "GenerateConfig", way: str
    ):
        from jobgen.generation.batching import pick_device, place_model
        from jobgen.generation.engines import open_engine
        from jobgen.generation.requests import number_prompts
        from utils import NLP_model

        nlp = NLP_model.load(str(arguments.model))
        self.config, self.judge, self.tokenizer = config, judge, nlp.tokenizer
        self.engine = open_engine(nlp, config) if "engine" in WAYS[way] else None
        self.cache = "static" if way == STATIC else None
        if not self.engine:
            place_model(nlp.model, pick_device("auto"), config.half_precision)
            self.model = nlp.model.eval()
        self.prompts = number_prompts(judge.pairs, self.tokenizer, config)

    def measure(self, size: int, one_by_one: bool) -> dict[str, Any]:
        """Write texts; the row of results.

        Args:
            size: the number of texts.
            one_by_one: whether each prompt is a call of its own.
        """
        from jobgen.generation.requests import encode_prompt
        from jobgen.text.coverage import covered_by_stems

        each = min(size, EACH)
        prompts = self.prompts[: size // each]
        ids = [encode_prompt(self.tokenizer, *prompt[1:], self.config) for prompt in prompts]
        # Three tokens in advance, after a prompt of nearly max_length: the first call costs more.
        most = self.config.max_length
        long_prompt = [(ids[0] * most)[: most - 3]]
        if self.engine:
            self._write(prompts[:1], long_prompt, 1)
        else:
            self._generate(long_prompt, 1)
        began = time.monotonic()
        if self.engine:
            texts = self._write(prompts, ids, each)
        elif one_by_one:
            texts = [text for prompt in ids for text in self._generate([prompt], each)]
        else:
            texts = self._generate(ids, each)
        seconds = time.monotonic() - began
        tokens = sum(map(len, texts))
        prompts = [prompt for prompt in prompts for _ in range(each)]
        sources = [prompt for prompt in ids for _ in range(each)]
        covered = [
            is_covered
            for (*_, keywords), text in zip(prompts, texts, strict=True)
            for is_covered in covered_by_stems(self.tokenizer.decode(text), keywords)
        ]
        nats = sum(self.judge.nats(*pair) for pair in zip(sources, texts, strict=True))
        return {
            "tokens": tokens,
            "seconds": round(seconds, 1),
            "tokens_per_second": tokens / seconds,
            "coverage": sum(covered) / len(covered),
            "perplexity": math.exp(nats / tokens),
        }

    def _write(self, prompts: list[tuple], ids: list[list[int]], each: int) -> list[list[int]]:
        """Texts of this project, each with its end token."""
        from jobgen.generation.requests import Request

        requests = [
            Request(number, n, prompt, keywords)
            for (number, _, keywords), prompt in zip(prompts, ids, strict=True)
            for n in range(each)
        ]
        completions = sorted(self.engine.generate(requests))
        end = [self.tokenizer.eos_token_id]
        return [text.ids + end * text.finished for _, text in completions]

    def _generate(self, ids: list[list[int]], each: int) -> list[list[int]]:
        """Texts of `model.generate`, each with its end token."""
        config, end = self.config, self.tokenizer.eos_token_id
        batch = self.tokenizer.pad({"input_ids": ids}, return_tensors="pt").to(self.model.device)
        rows = self.model.generate(
            **batch,
            do_sample=True,
            num_return_sequences=each,
            max_length=config.max_length,
            temperature=config.temperature,
            top_k=0,
            top_p=config.top_p,
            repetition_penalty=config.repetition_penalty,
            eos_token_id=end,
            pad_token_id=self.tokenizer.pad_token_id,
            cache_implementation=self.cache,
        )
        texts = rows[:, batch["input_ids"].shape[1] :].tolist()
        return [text[: text.index(end) + 1] if end in text else text for text in texts]


def add_bars(results: dict[str, Any]) -> None:
    """Add the bars for which there are rows to the results."""
    results["bars"] = []
    most = max((row["sequences"] for row in results["rows"]), default=0)
    speeds = {row["way"]: row["tokens_per_second"] for row in results["rows"]
              if row["sequences"] == most}  # fmt: skip
    plain, soft = (speeds.get(f"{OURS}, {way}") for way in ("plain", "soft"))
    if plain and LOOP in speeds:
        ratio = plain / speeds[LOOP]
        add_bar(results, f"tokens/s, plain to {LOOP}", ratio, "at least 5", ratio >= 5)
    if plain and STATIC in speeds:
        ratio = plain / speeds[STATIC]
        add_bar(results, f"tokens/s, plain to {STATIC}", ratio, "at least 0.5", ratio >= 0.5)
    if plain and soft:
        add_bar(
            results, "tokens/s, soft to plain", soft / plain, "at least 0.9", soft >= 0.9 * plain
        )


if __name__ == "__main__":
    main()
