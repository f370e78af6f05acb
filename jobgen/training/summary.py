"""What cli_training.py prints before a training: its rows, its steps, its memory estimate."""

import math

from rich.console import Console
from rich.table import Table

from jobgen.common.config import TrainConfig
from jobgen.common.distributed import is_main_process, process_count
from jobgen.training.dataset import PostingDataset
from jobgen.training.memory import Estimate, find_remedies, largest_batches


def print_training(
    config: TrainConfig,
    training: PostingDataset,
    test: PostingDataset | None,
    precision: str | None,
) -> None:
    """Print a table of the rows, tokens, steps and precision of a training.

    Args:
        config: the training configuration.
        training: the training set.
        test: the held-out set, if there is one.
        precision: "bf16", "fp16" or "fp32"; None where it is not known, on another machine.
    """
    if not is_main_process():
        return
    processes = process_count()
    table = Table("", "training", "held out", title=f"Training {config.model}")
    datasets = [training] + ([test] if test else [])
    table.add_row("rows", *(str(len(dataset)) for dataset in datasets))
    table.add_row("dropped: too long", *(str(dataset.dropped) for dataset in datasets))
    table.add_row("special tokens escaped", *(str(dataset.escaped) for dataset in datasets))
    table.add_row("tokens, at most", *(f"{sum(dataset.n_tokens):,}" for dataset in datasets))
    table.add_row("longest row", *(str(max(dataset.n_tokens)) for dataset in datasets))
    steps = math.ceil(config.epochs * config.steps_per_epoch(len(training), processes))
    table.add_row("optimizer steps", str(config.max_steps or steps))
    table.add_row(
        "postings per step",
        str(config.micro_batch_size * config.gradient_accumulation_steps * processes),
    )
    table.add_row("precision", precision or ("16 bits" if config.half_precision else "fp32"))
    Console().print(table)


def print_rows(training: PostingDataset) -> None:
    """Print the first three rows of a training set as the model sees them."""
    if not is_main_process():
        return
    console = Console()
    for row in range(min(3, len(training))):
        ids = training[row]["input_ids"]
        console.rule(f"row {row + 1}, {len(ids)} tokens")
        console.print(training.tokenizer.decode(ids), markup=False, highlight=False)
    console.rule()


def print_estimate(estimate: Estimate) -> None:
    """Print what a training needs by item, whether that fits, and if not, what would."""
    target, config, need = estimate.target, estimate.config, estimate.need()
    parameters, trained = estimate.parameters
    names = {"device": f"memory of {target.name}", "host": "memory beside it", "disk": "disk"}
    names = {kind: name for kind, name in names.items() if getattr(need, kind)}  # no host on a CPU
    title = f"{parameters:,} parameters, {trained:,} trained"
    table = Table("", "needed, GiB", "available, GiB", title=title)
    for kind, name in names.items():
        for item, size in getattr(need, kind).items():
            table.add_row(item, _gib(size))
        available = getattr(target, kind)
        shown = _gib(available) if math.isfinite(available) else "not known"
        table.add_row(name, _gib(need.total(kind)), shown, style="bold", end_section=True)
    Console().print(table)
    batch = f"{config.micro_batch_size} postings of up to {estimate.length} tokens"
    shortfalls = need.shortfalls(target)
    if not shortfalls:
        print(f"fits: {batch}")
        return
    short = [
        f"{names[kind]}: {_gib(need.total(kind))} GiB needed, {_gib(getattr(target, kind))} GiB"
        " available"
        for kind in shortfalls
    ]
    print(f"does not fit: {batch}: {'; '.join(short)}")
    if shortfalls != ["disk"]:  # a smaller batch does not help the disk
        largest, rows = largest_batches(estimate), config.micro_batch_size
        print(
            f"largest micro_batch_size with postings of {estimate.length} tokens:"
            f" {largest.rows or 'none'}\n"
            f"largest max_length with micro_batch_size={rows}: {largest.length or 'none'};"
            f" with micro_batch_size=1: {largest.length_of_one or 'none'}"
        )
    for setting, other in find_remedies(estimate):
        sizes = [f"{name} {_gib(other.total(kind))} GiB" for kind, name in names.items()]
        still_short = " and ".join(names[kind] for kind in other.shortfalls(target))
        verdict = f"too much for {still_short}" if still_short else "fits"
        print(f"with {setting}: {verdict} ({', '.join(sizes)})")


def _gib(size: float) -> str:
    return f"{size / 2**30:.2f}"
