"""Speed, memory and held-out loss of trainings: the original's recipe, Trainer, TRL, this project.

python benchmarks/train.py                                 # 45 minutes, on an idle machine
python benchmarks/train.py --minutes 1 --rows 40           # a taste
python benchmarks/train.py --resume                        # go on after an interruption

Every row trains the same model on the same postings in a process of its own, for equal minutes of
training (evaluation not counted). Held out: nats per byte of the text of postings not trained on,
given title and 8 keywords. Real tokens are those of prompt and text, without padding. The share of
the machine's rate is 6 x parameters x real tokens per second over the rate of a float32 product of
matrices, measured in the same process before the training.
"""

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
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

from jobgen.config import OFFLINE_MODEL

POSTINGS = ROOT.parent / "shared/data/postings.csv"
METHODS = {
    "original": "the original's recipe",
    "trainer": "Trainer with padding",
    "trl": "TRL's SFTTrainer",
    "jobgen": "jobgen",
}
LIBRARIES = ("torch", "transformers", "trl", "deepspeed", "accelerate")
MAX_LEN, SEED, BATCH = 700, 20220213, 4
# Of the minutes: in so many, too, as much is to be learnt as by the original's recipe in all.
SHORT = {"jobgen": [3 / 8]}
TRIAL_STEPS = 12  # tell how many steps the minutes allow


def main() -> None:
    """Measure row after row, each written at once; print the table and the bars."""
    arguments = parse_arguments()
    if arguments.row:
        measure(**json.loads(arguments.row))
        return
    about = {"model": arguments.model, "minutes": arguments.minutes, "held_out": arguments.rows}
    results = open_results(arguments.output, arguments.resume, LIBRARIES, **about)
    with tempfile.TemporaryDirectory() as work:
        prepare(arguments.postings, arguments.model, Path(work))
        for method in arguments.only:
            for share in [1, *SHORT.get(method, [])]:
                minutes = share * arguments.minutes
                if find_row(results, method, minutes):
                    continue
                row = {"method": METHODS[method], "minutes": minutes}
                row["busy_before_percent"] = announce(f"{METHODS[method]}: {minutes:g} minutes")
                job = {"method": method, "minutes": minutes, "model": arguments.model}
                job |= {"rows": arguments.rows, "work": work}
                for event, peak in watch(__file__, job):
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
    arguments.only = [row for row in arguments.only.split(",") if row]
    if unknown := set(arguments.only) - set(METHODS):
        parser.error(f"--only {','.join(sorted(unknown))}: expected some of {','.join(METHODS)}")
    if not arguments.row and not arguments.postings.is_file():
        parser.error(f"--postings {arguments.postings}: no such file")
    return arguments


def find_row(results: dict, method: str, minutes: float) -> dict | None:
    """The row, if it is there."""
    for row in results["rows"]:
        if (row["method"], row["minutes"]) == (METHODS[method], minutes):
            return row
    return None


def prepare(postings: Path, model: str, work: Path) -> None:
    """Prepare the postings by the script, once for all rows."""
    settings = {
        **{"source": postings, "output_dir": work, "model": model, "max_tokens": MAX_LEN},
        **{"min_tokens": 128, "cache_dir": "null"},
    }
    command = [sys.executable, "cli_prepare_data.py"]
    command += ["-cfg", "prepare_configs/prepare_128_700.json"]
    for name, value in settings.items():
        command += ["--set", f"{name}={value}"]
    if subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL).returncode:
        sys.exit("error: the postings could not be prepared")


def measure(method: str, minutes: float, model: str, rows: int, work: str) -> None:
    """Train in one way; figures go to the standard output."""
    from jobgen.dataset import PostingDataset
    from jobgen.frames import read_prepared
    from jobgen.models import load_tokenizer, locate
    from jobgen.training import keep_freed_memory

    keep_freed_memory()  # for all rows: it is no merit of the recipe
    rate = product_rate()
    tokenizer = load_tokenizer(locate(model))
    train = read_prepared(f"{work}/train_128_{MAX_LEN}.pkl")
    test = read_prepared(f"{work}/test_128_{MAX_LEN}.pkl").sample(rows, random_state=SEED)
    held_out = PostingDataset(test, tokenizer, MAX_LEN)
    untrained = base_model(model, tokenizer)
    parameters = sum(weight.numel() for weight in untrained.parameters())
    before = nats_per_byte(untrained, held_out)
    del untrained
    clock = Clock(minutes)
    run = {
        "original": train_as_the_original,
        "trainer": train_with_trainer,
        "trl": train_with_trl,
        "jobgen": train_with_jobgen,
    }[method]
    trained = run(model, tokenizer, train, clock, Path(work, f"{method}_{minutes:g}"))
    per_second = clock.tokens / clock.seconds
    tell(
        tokens_per_second=per_second,
        share_of_rate=6 * parameters * per_second / rate,
        float32_product_gflops=rate / 1e9,
        seconds=clock.seconds,
        steps=clock.steps,
        before=before,
        after=nats_per_byte(trained, held_out),
    )


def base_model(name: str, tokenizer: Any) -> Any:
    """The model before its training, in float32, the same in all rows."""
    import torch

    from jobgen.models import load_model, locate

    torch.manual_seed(SEED)
    return load_model(locate(name), tokenizer, dtype=torch.float32)


def product_rate() -> float:
    """Floating-point operations a second of a product of two float32 matrices of 2048 rows."""
    import torch

    left, right = torch.randn(2048, 2048), torch.randn(2048, 2048)
    for _ in range(3):
        left @ right
    start = time.perf_counter()
    for _ in range(10):
        left @ right
    return 10 * 2 * 2048**3 / (time.perf_counter() - start)


class Clock:
    """Stops a training after some minutes, and counts its real tokens and steps.

    Attributes:
        seconds: of training, from the first batch to the last step.
        tokens: of prompt and text, without padding, in the batches of these steps.
    """

    def __init__(self, minutes: float):
        self.limit, self.started = 60 * minutes, None
        self.seconds, self.tokens, self.steps, self._pending = 0.0, 0, 0, 0

    def counting(self, collate: Any, pad: int) -> Any:
        """A collate function that tells how many tokens it hands out."""

        def collate_and_count(rows: list) -> Any:
            batch = collate(rows)
            if self.started is None:
                self.started = time.perf_counter()
            self._pending += int((batch["input_ids"] != pad).sum())
            return batch

        return collate_and_count

    def callback(self) -> Any:
        """For a Trainer: stops it in time, without a checkpoint."""
        from transformers import TrainerCallback

        clock = self

        class Stop(TrainerCallback):
            def on_step_end(self, args, state, control, **kwargs):
                clock.seconds = time.perf_counter() - clock.started
                clock.tokens, clock.steps = clock._pending, state.global_step
                control.should_training_stop |= clock.seconds >= clock.limit
                control.should_save = False

        return Stop()


def trainer_settings(output: Path, **settings: Any) -> dict[str, Any]:
    """What all Trainers of this file have in common."""
    return {
        "output_dir": str(output),
        "max_steps": 100_000,
        "eval_strategy": "no",
        "logging_steps": 1000,
        "report_to": [],
        "seed": SEED,
        "use_cpu": True,
        "remove_unused_columns": False,
        "dataloader_pin_memory": False,
        **settings,
    }


def train_as_the_original(name, tokenizer, frame, clock: Clock, output: Path) -> Any:
    """One row a step, padded to the limit, all of it learnt, all keywords, its AdamW."""
    import torch
    from transformers import Trainer, TrainingArguments

    rows = whole_rows(frame, tokenizer)
    pad = tokenizer.pad_token_id

    def collate(batch: list[list[int]]) -> dict[str, torch.Tensor]:
        ids = torch.tensor([row + [pad] * (MAX_LEN - len(row)) for row in batch])
        return {"input_ids": ids, "attention_mask": (ids != pad).long(), "labels": ids.clone()}

    settings = trainer_settings(
        output,
        learning_rate=1e-4,
        warmup_steps=100,
        weight_decay=0.01,
        adam_epsilon=5e-4,
        per_device_train_batch_size=1,
    )
    model = base_model(name, tokenizer)
    Trainer(
        model=model,
        args=TrainingArguments(**settings),
        train_dataset=rows,
        data_collator=clock.counting(collate, pad),
        callbacks=[clock.callback()],
    ).train()
    return model


def train_with_trainer(name, tokenizer, frame, clock: Clock, output: Path) -> Any:
    """The Trainer's own ways: rows of a batch padded to the longest, its default learning rate."""
    import torch
    from transformers import Trainer, TrainingArguments

    pad = tokenizer.pad_token_id

    def collate(batch: list[list[int]]) -> dict[str, torch.Tensor]:
        longest = max(map(len, batch))
        ids = torch.tensor([row + [pad] * (longest - len(row)) for row in batch])
        labels = ids.masked_fill(ids == pad, -100)
        return {"input_ids": ids, "attention_mask": (ids != pad).long(), "labels": labels}

    model = base_model(name, tokenizer)
    Trainer(
        model=model,
        args=TrainingArguments(**trainer_settings(output, per_device_train_batch_size=BATCH)),
        train_dataset=whole_rows(frame, tokenizer),
        data_collator=clock.counting(collate, pad),
        callbacks=[clock.callback()],
    ).train()
    return model


def train_with_trl(name, tokenizer, frame, clock: Clock, output: Path) -> Any:
    """Pairs of prompt and completion, loss on the completion, packed; else its own defaults."""
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    from jobgen.prompts import EOS, render_completion, render_prompt

    pairs = Dataset.from_list(
        [
            {
                "prompt": render_prompt(row.title, row.keywords),
                "completion": render_completion(row.text).removesuffix(EOS),  # it adds the end
            }
            for row in frame.itertuples()
        ]
    )
    settings = trainer_settings(
        output,
        per_device_train_batch_size=BATCH,
        max_length=MAX_LEN,
        completion_only_loss=True,
        packing=True,
        gradient_checkpointing=False,  # its default, but there is memory enough
    )
    model = base_model(name, tokenizer)
    trainer = SFTTrainer(
        model=model,
        args=SFTConfig(**settings),
        train_dataset=pairs,
        processing_class=tokenizer,
        callbacks=[clock.callback()],
    )
    trainer.data_collator = clock.counting(trainer.data_collator, tokenizer.pad_token_id)
    trainer.train()
    return model


def train_with_jobgen(name, tokenizer, frame, clock: Clock, output: Path) -> Any:
    """This project's defaults, the schedule laid over as many steps as the minutes allow."""
    from utils import NLP_model

    def train(steps: int, limit: Clock) -> Any:
        nlp = NLP_model(settings | {"max_steps": steps})  # loads its own model, which it pads
        data = nlp.training_set(frame)
        data.collate = limit.counting(data.collate, tokenizer.pad_token_id)
        nlp.train(data, callbacks=[limit.callback()])
        return nlp.model

    settings = {"model": name, "output_dir": str(output), "max_len": MAX_LEN, "seed": SEED}
    settings |= {"report_to": []}
    trial = Clock(math.inf)
    train(TRIAL_STEPS, trial)
    return train(max(1, int(clock.limit / trial.seconds * trial.steps)), clock)


def whole_rows(frame: pd.DataFrame, tokenizer) -> list[list[int]]:
    """Token ids of title, all keywords and text."""
    from jobgen.dataset import encode
    from jobgen.prompts import render_completion, render_prompt

    texts = [
        render_prompt(row.title, row.keywords) + render_completion(row.text)
        for row in frame.itertuples()
    ]
    return [ids for ids in encode(tokenizer, texts) if len(ids) <= MAX_LEN]


def nats_per_byte(model, held_out) -> float:
    """Of the texts, given title and 8 keywords; row by row, the plain way."""
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
    """Put the bars for which there are rows into the results."""
    results["bars"] = []
    original, ours = (find_row(results, method, minutes) for method in ("original", "jobgen"))
    if not original or not ours:
        return
    ratio = ours["tokens_per_second"] / original["tokens_per_second"]
    what = "times the original's real tokens a second"
    add_bar(results, what, ratio, "at least 1.6", ratio >= 1.6)
    share = ours["share_of_rate"]
    what = "share of the float32 product rate"
    add_bar(results, what, share, "at least 0.75", share >= 0.75)
    ratio = (ours["before"] - ours["after"]) / (original["before"] - original["after"])
    what = f"times the original's gain in {minutes:g} minutes"
    add_bar(results, what, ratio, "at least 2.5", ratio >= 2.5)
    for short in (share * minutes for share in SHORT["jobgen"]):
        if row := find_row(results, "jobgen", short):
            lead = original["after"] - row["after"]
            what = f"nats a byte below the original's {minutes:g} minutes after {short:g}"
            add_bar(results, what, lead, "at least 0", lead >= 0)


if __name__ == "__main__":
    main()
