"""Speed, memory and held-out loss of training with four recipes, ours among them.

python benchmarks/train.py                                 # about an hour, on an idle machine
python benchmarks/train.py --minutes 1 --rows 40           # a taste
python benchmarks/train.py --resume                        # continue after an interruption

The recipes are the original project's, transformers' Trainer with padding, TRL's SFTTrainer, and
this project's. Each row of the table trains all weights of the same model on the same postings, in
a process of its own and for the same number of minutes, not counting evaluation.

The held-out loss is measured in nats per byte of the texts of postings that were not trained on,
given title and 8 keywords, and computed in float32. Real tokens are those of prompt and text,
without padding. The share of the machine's rate is 6 x parameters x real tokens per second, divided
by the rate of a float32 matrix product. That rate is measured between the steps of the same
training, since the speed of a rented machine changes from minute to minute. A row that computes in
bfloat16 can exceed it, so jobgen has a row in float32 too.

The learning rate of the original recipe rises for 100 steps, as its DeepSpeed file says, and then
stays constant. The other recipes fit their schedule to the number of steps that the minutes allow,
which a short trial measures. A training that misses its minutes, because the machine has become
faster or slower since, is repeated once.
"""

import argparse
import gc
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd
from measuring import (
    ROOT,
    add_bar,
    announce,
    open_results,
    print_results,
    save,
    tell,
    watch,
)

from jobgen.common.config import OFFLINE_MODEL
from jobgen.common.files import hash_file
from jobgen.data.tables import read_prepared

POSTINGS = ROOT.parent / "shared/data/postings.csv"
METHODS = {
    "original": "the original's recipe",
    "trainer": "Trainer with padding",
    "trl": "TRL's SFTTrainer",
    "jobgen": "jobgen",
    "float32": "jobgen in float32",
}
LIBRARIES = ("torch", "transformers", "deepspeed", "accelerate")
MAX_LEN, SEED, BATCH = 700, 20220213, 4
# In this share of the minutes, jobgen should learn as much as the original recipe in all of them.
SHORT = 3 / 8
SHARES = {"jobgen": [1, SHORT], "float32": [SHORT]}
TRIAL_STEPS = 6  # to measure how many steps the minutes allow
MOST_STEPS = 10**6
IN_TIME = 0.93  # smallest share of the minutes, and of the planned steps, that must be used
PAUSE_EVERY = 15  # seconds of training between two measurements of the machine's rate


def main() -> None:
    """Measure the rows and save each when it is complete; print the table and the bars."""
    arguments = parse_arguments()
    if arguments.row:
        measure(**json.loads(arguments.row))
        return
    about = {"model": arguments.model, "minutes": arguments.minutes, "held_out": arguments.rows}
    about["postings"] = hash_file(arguments.postings)
    libraries = (*LIBRARIES, "trl") if "trl" in arguments.only else LIBRARIES
    results = open_results(arguments.output, arguments.resume, libraries, **about)
    with tempfile.TemporaryDirectory() as work:
        prepare(arguments.postings, arguments.model, arguments.rows, work)
        for method in arguments.only:
            for share in SHARES.get(method, [1]):
                minutes = share * arguments.minutes
                if find_row(results, method, minutes):
                    continue
                row = {"method": METHODS[method], "minutes": minutes}
                row["busy_before_percent"] = announce(f"{METHODS[method]}: {minutes:g} minutes")
                job = {"method": method, "minutes": minutes, "model": arguments.model}
                job |= {"rows": arguments.rows, "work": work}
                for event, peak in watch(__file__, job, workers=False):
                    row |= event | {"peak_memory_mb": peak}
                results["rows"].append(row)
                save(arguments.output, results)
    judge(results, arguments.minutes)
    save(arguments.output, results)
    columns = {
        "method": "method",
        "minutes": "minutes",
        "real tokens/s": "tokens_per_second",
        "share of rate": "share_of_rate",
        "peak MB": "peak_memory_mb",
        "steps": "steps",
        "before": "before",
        "nats/byte": "after",
    }
    print_results(results, columns)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--postings", type=Path, default=POSTINGS, metavar="FILE", help="CSV")
    parser.add_argument("--model", default=OFFLINE_MODEL, help="as in a train JSON (%(default)s)")
    parser.add_argument("--rows", type=int, default=60, help="postings held out (%(default)s)")
    parser.add_argument("--minutes", type=float, default=8, help="of training (%(default)s)")
    parser.add_argument("--only", default=",".join(METHODS), help="rows to measure (%(default)s)")
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks/results/train.json")
    parser.add_argument("--resume", action="store_true", help="keep the rows that OUTPUT has")
    parser.add_argument("--row", help=argparse.SUPPRESS)  # for the process of a row
    arguments = parser.parse_args()
    if arguments.row:
        return arguments
    arguments.only = [row for row in arguments.only.split(",") if row]
    if unknown := set(arguments.only) - set(METHODS):
        parser.error(f"--only {','.join(sorted(unknown))}: expected some of {','.join(METHODS)}")
    if "trl" in arguments.only and find_spec("trl") is None:
        parser.error("--only: trl is not installed (pip install -r requirements-bench.txt)")
    if not arguments.postings.is_file():
        parser.error(f"--postings {arguments.postings}: no such file")
    return arguments


def find_row(results: dict, method: str, minutes: float) -> dict | None:
    """The row of a recipe and its minutes; None if it was not measured yet."""
    for row in results["rows"]:
        if (row["method"], row["minutes"]) == (METHODS[method], minutes):
            return row
    return None


def prepare(postings: Path, model: str, rows: int, work: str) -> None:
    """Prepare the postings with cli_prepare_data.py, once for all rows."""
    settings = {
        **{"source": postings, "output_dir": work, "model": model, "max_length": MAX_LEN},
        **{"min_length": 128, "cache_dir": "null"},
    }
    command = [sys.executable, "cli_prepare_data.py"]
    command += ["-cfg", "prepare_configs/prepare_128_700.json"]
    for name, value in settings.items():
        command += ["--set", f"{name}={value}"]
    if subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL).returncode:
        sys.exit("error: the postings could not be prepared")
    held_out = len(read_prepared(test_table(work)))
    if held_out < rows:
        sys.exit(f"error: --rows {rows}: only {held_out} postings of this table are held out")


def test_table(work: str) -> str:
    """Path of the held-out table that `prepare` wrote."""
    return f"{work}/test_128_{MAX_LEN}.pkl"


def measure(method: str, minutes: float, model: str, rows: int, work: str) -> None:
    """Train with one recipe and print its results for the main process."""
    from accelerate.utils import extract_model_from_parallel

    from jobgen.models.hub import locate
    from jobgen.models.loading import load_tokenizer
    from jobgen.training.arguments import keep_freed_memory
    from jobgen.training.dataset import PostingDataset

    tokenizer = load_tokenizer(locate(model))
    train = read_prepared(f"{work}/train_128_{MAX_LEN}.pkl")
    test = read_prepared(test_table(work)).sample(rows, random_state=SEED)
    held_out = PostingDataset(test, tokenizer, MAX_LEN)
    untrained = base_model(model, tokenizer)
    keep_freed_memory(untrained)  # in all rows, as it does not belong to a recipe
    parameters = sum(weight.numel() for weight in untrained.parameters())
    before = nats_per_byte(untrained, held_out)
    del untrained
    run = {
        "original": train_as_the_original,
        "trainer": train_with_trainer,
        "trl": train_with_trl,
        "jobgen": train_with_jobgen,
        "float32": partial(train_with_jobgen, half_precision=False),
    }[method]
    run = partial(run, model, tokenizer, train, Path(work, f"{method}_{minutes:g}"))
    if method == "original":  # its schedule does not depend on the number of steps
        clock = Clock(minutes)
        trained = run(MOST_STEPS, clock)
    else:
        trained, clock = train_in_time(run, minutes)
    # accelerate has replaced the forward pass by one in the precision of the training.
    trained = extract_model_from_parallel(trained, keep_fp32_wrapper=False)
    per_second = clock.tokens / clock.seconds
    tell(
        tokens_per_second=per_second,
        share_of_rate=6 * parameters * per_second / clock.product_rate(),
        float32_product_gflops=clock.product_rate() / 1e9,
        seconds=clock.seconds,
        steps=clock.steps,
        before=before,
        after=nats_per_byte(trained, held_out),
    )


def train_in_time(run: Callable[[int, "Clock"], Any], minutes: float) -> tuple[Any, "Clock"]:
    """Train for as many steps as the minutes allow.

    Args:
        run: trains for a number of steps, watched by a clock, and returns the model.
        minutes: the minutes of training.

    Returns:
        The trained model and the clock of its training.
    """
    clock = Clock(math.inf)
    run(TRIAL_STEPS, clock)
    for _ in range(2):
        pace = clock.seconds_per_step() or clock.seconds  # there may have been one step only
        steps = max(2, int(60 * minutes / pace))
        trained = None  # frees its memory
        gc.collect()  # a model and its Trainer refer to each other
        clock = Clock(minutes)
        trained = run(steps, clock)
        used = min(clock.seconds / clock.limit, clock.steps / steps)
        if used >= IN_TIME or steps == 2:
            break
    return trained, clock


def base_model(name: str, tokenizer: Any) -> Any:
    """The untrained model in float32, the same in all rows."""
    import torch

    from jobgen.models.hub import locate
    from jobgen.models.loading import load_model

    torch.manual_seed(SEED)
    return load_model(locate(name), tokenizer, dtype=torch.float32)


class Clock:
    """Stops a training after some minutes, and counts its real tokens and steps.

    Args:
        minutes: the minutes of training.

    Attributes:
        seconds: duration of the training from the first forward pass to the end of the last step,
            without the pauses in which the machine's rate is measured.
        tokens: number of tokens of prompt and text, without padding, in the batches of these steps.
        steps: number of steps.
    """

    def __init__(self, minutes: float):
        self.limit, self.started = 60 * minutes, None
        self.seconds, self.tokens, self.steps, self._first = 0.0, 0, 0, 0.0
        self._products, self._product_seconds = 0, 0.0
        self._paused, self._pause_due = 0.0, 0.0  # seconds; the first pause follows the first step

    def seconds_per_step(self) -> float:
        """Mean duration of a step without the first one, which is slower."""
        return (self.seconds - self._first) / max(1, self.steps - 1)

    def product_rate(self) -> float:
        """Floating-point operations per second of products of float32 matrices of 2048 rows."""
        return self._products * 2 * 2048**3 / self._product_seconds

    def watch(self, model: Any, pad: int) -> Any:
        """Count the tokens that the model is given.

        Args:
            model: the model that is going to be trained.
            pad: the id of the padding token, which is not counted.

        Returns:
            A callback for the Trainer that ends the training in time, without a checkpoint.
        """
        from transformers import TrainerCallback

        def count(module: Any, inputs: tuple, named: dict) -> None:
            if self.started is None:
                self.started = time.perf_counter()
            self.tokens += int((named["input_ids"] != pad).sum())

        model.register_forward_pre_hook(count, with_kwargs=True)
        clock = self

        class Stop(TrainerCallback):
            def on_step_end(self, args, state, control, **kwargs):
                clock.seconds = time.perf_counter() - clock.started - clock._paused
                clock.steps = state.global_step
                clock._first = clock._first or clock.seconds
                if clock.seconds >= clock._pause_due:
                    clock.pause()
                control.should_training_stop |= clock.seconds >= clock.limit
                control.should_save = False

        return Stop()

    def pause(self) -> None:
        """Measure the machine's rate of products for about a second."""
        import torch

        begun = time.perf_counter()
        left, right = torch.randn(2, 2048, 2048)
        for _ in range(3):
            left @ right
        start = time.perf_counter()
        for _ in range(10):
            left @ right
        end = time.perf_counter()
        self._products += 10
        self._product_seconds += end - start
        self._paused += end - begun
        self._pause_due = self.seconds + PAUSE_EVERY


def trainer_settings(output: Path, **settings: Any) -> dict[str, Any]:
    """The settings that all Trainers of this file share."""
    return {
        "output_dir": str(output),
        "eval_strategy": "no",
        "logging_steps": 1000,
        "report_to": [],
        "seed": SEED,
        "use_cpu": True,
        "remove_unused_columns": False,
        "dataloader_pin_memory": False,
        **settings,
    }


def train_as_the_original(name, tokenizer, frame, output: Path, steps: int, clock: Clock) -> Any:
    """The original recipe: one row per step with all keywords, padded to the limit, all learned.

    AdamW and WarmupLR are set as in its files: lr 1e-4 and 100 warm-up steps, during which
    DeepSpeed raises the rate logarithmically.
    """
    import torch
    from torch.optim.lr_scheduler import LambdaLR
    from transformers import Trainer, TrainingArguments

    rows = whole_rows(frame, tokenizer)
    pad = tokenizer.pad_token_id
    model = base_model(name, tokenizer)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, eps=5e-4, weight_decay=0.01)
    warmup = LambdaLR(optimizer, lambda step: min(1, math.log(step + 1) / math.log(100)))
    settings = trainer_settings(output, max_steps=steps, per_device_train_batch_size=1)
    Trainer(
        model=model,
        args=TrainingArguments(**settings),
        train_dataset=rows,
        data_collator=partial(padded_to, MAX_LEN, pad),
        callbacks=[clock.watch(model, pad)],
        optimizers=(optimizer, warmup),
    ).train()
    return model


def train_with_trainer(name, tokenizer, frame, output: Path, steps: int, clock: Clock) -> Any:
    """The Trainer's defaults: rows are padded to the longest of their batch, 4 rows per step."""
    import torch
    from transformers import Trainer, TrainingArguments

    pad = tokenizer.pad_token_id

    def collate(batch: list[list[int]]) -> dict[str, torch.Tensor]:
        longest = max(map(len, batch))
        ids = torch.tensor([row + [pad] * (longest - len(row)) for row in batch])
        labels = ids.masked_fill(ids == pad, -100)
        return {"input_ids": ids, "attention_mask": (ids != pad).long(), "labels": labels}

    settings = trainer_settings(output, max_steps=steps, per_device_train_batch_size=BATCH)
    model = base_model(name, tokenizer)
    Trainer(
        model=model,
        args=TrainingArguments(**settings),
        train_dataset=whole_rows(frame, tokenizer),
        data_collator=collate,
        callbacks=[clock.watch(model, pad)],
    ).train()
    return model


def train_with_trl(name, tokenizer, frame, output: Path, steps: int, clock: Clock) -> Any:
    """TRL's defaults: packed prompts and completions, loss on the completion, 4 rows per step.

    The rows of a step are accumulated, since those of a batch would be concatenated and attend to
    one another. The precision is bfloat16.
    """
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    from jobgen.models.sequence import EOS, render_completion, render_prompt

    pairs = Dataset.from_list(
        [
            {
                "prompt": render_prompt(row.title, row.keywords),
                "completion": render_completion(row.text).removesuffix(
                    EOS
                ),  # TRL adds the end token
            }
            for row in frame.itertuples()
        ]
    )
    settings = trainer_settings(
        output,
        max_steps=steps,
        per_device_train_batch_size=1,
        gradient_accumulation_steps=BATCH,
        max_length=MAX_LEN,
        completion_only_loss=True,
        packing=True,
        gradient_checkpointing=False,  # TRL's default, but there is enough memory
    )
    model = base_model(name, tokenizer)
    trainer = SFTTrainer(
        model=model,
        args=SFTConfig(**settings),
        train_dataset=pairs,
        processing_class=tokenizer,
        callbacks=[clock.watch(model, tokenizer.pad_token_id)],
    )
    trainer.train()
    return model


def train_with_jobgen(
    name, tokenizer, frame, output: Path, steps: int, clock: Clock, half_precision: bool = True
) -> Any:
    """This project's default settings."""
    from utils import NLP_model

    settings = {"model": name, "output_dir": str(output), "max_length": MAX_LEN, "seed": SEED}
    settings |= {"max_steps": steps, "half_precision": half_precision, "report_to": []}
    nlp = NLP_model(settings)  # it loads the model itself, since it pads the vocabulary
    callback = clock.watch(nlp.model, tokenizer.pad_token_id)
    nlp.train(frame, callbacks=[callback])
    return nlp.model


def padded_to(length: int, pad: int, rows: list[list[int]]) -> dict[str, Any]:
    """A batch of the original recipe: all rows have one length, and all of it is learned."""
    import torch

    ids = torch.tensor([row + [pad] * (length - len(row)) for row in rows])
    return {"input_ids": ids, "attention_mask": (ids != pad).long(), "labels": ids.clone()}


def whole_rows(frame: pd.DataFrame, tokenizer, max_length: int = MAX_LEN) -> list[list[int]]:
    """Token ids of title, all keywords and text of each row that fits into the limit."""
    from jobgen.models.sequence import encode, render_completion, render_prompt

    texts = [
        render_prompt(row.title, row.keywords) + render_completion(row.text)
        for row in frame.itertuples()
    ]
    return [ids for ids in encode(tokenizer, texts) if len(ids) <= max_length]


def nats_per_byte(model, held_out) -> float:
    """Held-out loss of the texts, given title and 8 keywords, computed row by row."""
    import torch

    model.eval()
    nats = 0.0
    for row in (held_out[i] for i in range(len(held_out))):
        ids, labels = (torch.tensor([row[name]]) for name in ("input_ids", "labels"))
        with torch.no_grad():
            logits = model(input_ids=ids).logits[0, :-1]
        nats += float(torch.nn.functional.cross_entropy(logits, labels[0, 1:], reduction="sum"))
    return nats / held_out.n_bytes


def judge(results: dict, minutes: float) -> None:
    """Add the bars whose rows were measured to the results."""
    results["bars"] = []
    original, ours = (find_row(results, method, minutes) for method in ("original", "jobgen"))
    if not original or not ours:
        return
    short = SHORT * minutes
    ratio = ours["tokens_per_second"] / original["tokens_per_second"]
    what = "times the original's real tokens a second"
    add_bar(results, what, ratio, "at least 1.6", ratio >= 1.6)
    shares = {"share of the float32 product rate": ours["share_of_rate"]}
    if row := find_row(results, "float32", short):
        shares["the same, computing in float32 too"] = row["share_of_rate"]
    for what, share in shares.items():
        add_bar(results, what, share, "at least 0.75", share >= 0.75)
    ratio = (ours["before"] - ours["after"]) / (original["before"] - original["after"])
    what = f"times the original's gain in {minutes:g} minutes"
    add_bar(results, what, ratio, "at least 2.5", ratio >= 2.5)
    if row := find_row(results, "jobgen", short):
        lead = original["after"] - row["after"]
        what = f"nats a byte below the original's {minutes:g} minutes after {short:g}"
        add_bar(results, what, lead, "at least 0", lead >= 0)


if __name__ == "__main__":
    main()
