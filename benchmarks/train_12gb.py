"""Full fine-tuning of GPT2-large, GPT2-XL and GPT-Neo 1.3B on a GPU held to 12 GB, plan by plan.

python benchmarks/train_12gb.py                              # all rows, on a machine with a GPU
python benchmarks/train_12gb.py --only gpt2-xl --resume      # some rows, in the same record
python benchmarks/train_12gb.py --tiny                       # tiny shapes, as without a GPU
python benchmarks/train_12gb.py --only gpt2-xl/8bit,gpt2-large --resumed gpt2-xl/8bit --minutes 9

Rows are measured in the order in which --only names them, each in a process of its own: weights are
random and of the model's shape, the texts are real postings, one batch of which has the full
length. The plans:

original            as the original project: its DeepSpeed file (ZeRO-3, weights and optimizer in
                    host memory), fp16, one posting a step, padded to 630 or 720 tokens
zero2               train_configs/MODEL.json
8bit                train_configs/MODEL-8bit.json
8bit_in_backward    the same, each weight updated within the backward pass

The allocator of PyTorch is held to --limit before anything is on the GPU, so a row runs out of
memory where a card of 12 GB would. The CUDA context comes on top of that limit, so a row fits only
if what the allocator reserved and the context stay under 12.6e9 bytes, which is what such a card
offers. A limit holds memory only: a smaller card computes more slowly.

Three steps warm up, ten are timed. Beside them: the estimate of cli_training.py --estimate, what
crossed the PCIe bus in a step (by PyTorch's profiler), and for the rows of --resumed a checkpoint
from which a second process resumes (25 GB on disk for gpt2-xl/zero2). Rows of "quality" train
gpt2-large's shape for 200 steps: whether 8bit loses more than another seed does (and
8bit_in_backward, which does not clip gradients either). Nothing in them is timed, so those that
follow one another run side by side and without the limit, zero2 with its optimizer on the GPU.
"""

import argparse
import json
import math
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
from measuring import (
    ROOT,
    OutOfTime,
    add_bar,
    announce,
    open_results,
    print_results,
    save,
    tell,
    watch,
)
from train import padded_to, whole_rows

from jobgen.common.files import hash_file

# Of the published models; what is not named is the architecture's default.
SHAPES = {
    "gpt2-large": ("gpt2", {"n_embd": 1280, "n_layer": 36, "n_head": 20}),
    "gpt2-xl": ("gpt2", {"n_embd": 1600, "n_layer": 48, "n_head": 25}),
    "gpt-neo-1.3B": ("gpt_neo", {}),
}
TINY = {
    "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 2},
    "gpt_neo": {
        **{"hidden_size": 32, "num_layers": 2, "num_heads": 2},
        "attention_types": [[["global", "local"], 1]],
    },
}
ORIGINAL, ZERO2, EIGHT_BITS, IN_BACKWARD = "original", "zero2", "8bit", "8bit_in_backward"
PLANS = (ORIGINAL, ZERO2, EIGHT_BITS, IN_BACKWARD)
RESUMED = (ZERO2, EIGHT_BITS)
QUALITY = {f"{ZERO2} seed 1": (ZERO2, 1), f"{ZERO2} seed 2": (ZERO2, 2),
           EIGHT_BITS: (EIGHT_BITS, 1), IN_BACKWARD: (IN_BACKWARD, 1)}  # fmt: skip
WARM_UP, TIMED, AFTER_RESUME, QUALITY_STEPS, QUALITY_MEAN = 3, 10, 2, 200, 50
STEPS = WARM_UP + TIMED + 1  # in the last one the bytes over PCIe are counted
MAX_LEN, KEYWORDS, SEED = 1024, 8, 20220213
ORIGINAL_LEN = {"gpt2-large": 630, "gpt2-xl": 630, "gpt-neo-1.3B": 720}
QUALITY_MODEL = "gpt2-large"
# Of a card of 12 GB: what CUDA offers for the allocator's reserve and the context.
CARD_BYTES = 12.6e9
# Rows of the embeddings: GPT-2's 50,257, and what rounds them up to a multiple of 64. The original
# keeps those of GPT-2.
EMBEDDINGS, TINY_EMBEDDINGS, ROUNDED_UP = 50_304, 6_144, 47
# A byte-pair vocabulary of this size, learnt from the 1,515 real postings, cuts them into 6 % more
# tokens than the general one of SmolLM2, of 49,152.
VOCABULARY = 6000
# Least times the original's real tokens/s.
BARS = {"gpt2-large": 4, "gpt2-xl": 5, "gpt-neo-1.3B": 4}
ORIGINAL_DEEPSPEED = {
    "fp16": {"enabled": "auto", "initial_scale_power": 16, "loss_scale_window": 50},
    "bf16": {"enabled": "auto"},
    "optimizer": {"type": "AdamW", "params": dict.fromkeys(
        ("lr", "betas", "eps", "weight_decay"), "auto")},
    "scheduler": {"type": "WarmupLR", "params": dict.fromkeys(
        ("warmup_min_lr", "warmup_max_lr", "warmup_num_steps"), "auto")},
    "zero_optimization": {
        "stage": 3,
        "offload_optimizer": {"device": "cpu", "pin_memory": True},
        "offload_param": {"device": "cpu", "pin_memory": True},
        "overlap_comm": True,
        "contiguous_gradients": True,
        "reduce_bucket_size": 5e7,
        "sub_group_size": 5e7,
        "stage3_max_live_parameters": 5e7,
        "stage3_prefetch_bucket_size": 5e7,
        "stage3_gather_16bit_weights_on_model_save": True,
    },
    "gradient_accumulation_steps": "auto",
    "gradient_clipping": "auto",
    "train_batch_size": "auto",
    "train_micro_batch_size_per_gpu": "auto",
}  # fmt: skip
COLUMNS = {  # memory in GB
    "row": "row",
    "fits": "fits",
    "tokens/s": "tokens_per_second",
    "share": "share_of_rate",
    "peak": "peak_gb",
    "reserved": "reserved_gb",
    "estimate": "estimate_to_peak",
    "host": "host_gb",
    "PCIe": "pcie_gb",
    "resumes": "resumes",
    "loss": "loss",
}


def main() -> None:
    """Measure row after row, each written at once; print the table and the bars."""
    arguments = parse_arguments()
    if arguments.row:
        job = json.loads(arguments.row)
        write_untrained(**job) if "models" in job else measure(**job)
        return
    deadline = time.monotonic() + 60 * arguments.minutes
    gpu = name_of_gpu()
    tiny = arguments.tiny or not gpu
    about = {"gpu": gpu, "limit_gib": arguments.limit, "tiny": tiny}
    about["postings"] = hash_file(arguments.postings)
    libraries = ("torch", "transformers", "deepspeed", "accelerate", "torchao")
    results = open_results(arguments.output, arguments.resume, libraries, **about)
    measured = {row["row"] for row in results["rows"]}
    rows = [row for row in rows_of(arguments.only) if row not in measured]
    with tempfile.TemporaryDirectory(dir=arguments.work) as work:
        common = {"work": work, "postings": str(arguments.postings), "tiny": tiny}

        def measure_row(row: str) -> dict:
            return watch_row(row, common, arguments, deadline)

        models = list(dict.fromkeys(model_of(row) for row in rows))
        try:
            if models:
                announce(f"weights of {', '.join(models)}")
                list(watch(__file__, {"models": models} | common, False, deadline))
            with ThreadPoolExecutor(len(QUALITY)) as pool:
                for side_by_side, group in groupby(rows, key=is_quality):
                    for found in (pool.map if side_by_side else map)(measure_row, group):
                        if len(found) > 1:  # it had told something
                            results["rows"].append(found)
                            save(arguments.output, results)
        except OutOfTime:
            print("out of time before the weights were made")
    judge(results)
    save(arguments.output, results)
    print_results(results, COLUMNS)
    if failed := [row["row"] for row in results["rows"] if "failed" in row]:
        sys.exit(f"error: failed: {', '.join(failed)}")


def watch_row(row: str, common: dict, arguments: argparse.Namespace, deadline: float) -> dict:
    """Train, and where it is asked for resume, in processes of their own.

    Args:
        row: its name.
        common: what all processes are told.
        arguments: of the command line.
        deadline: when it is killed, by `time.monotonic`; after it, it does not begin.

    Returns:
        What the processes told, "failed": the part that failed, "cut": the part that was killed.
    """
    found: dict[str, Any] = {"row": row}
    if time.monotonic() > deadline:
        print(f"{row}: no time left")
        return found
    announce(row)
    job = common | {"row": row, "limit": arguments.limit, "keep": row in arguments.resumed}
    for part in ("train", "resume") if job["keep"] else ("train",):
        try:
            for event, peak in watch(__file__, job | {"part": part}, False, deadline):
                found |= event | {"host_gb": max(peak / 1e3, found.get("host_gb", 0))}
        except OutOfTime:
            print(f"{row}: killed at the end of --minutes, in its part {part!r}")
            found |= {"cut": part} if len(found) > 1 else {}
        except SystemExit as failure:  # other rows may do better
            print(failure)
            found["failed"] = part
        if not found.get("fits") or {"cut", "failed"} & found.keys():
            break
    shutil.rmtree(run_folder(common["work"], row), ignore_errors=True)
    return found


def name_of_gpu() -> str | None:
    """Of the GPU, if there is one; asked elsewhere, or this process would take memory of it."""
    code = "import torch; print(torch.cuda.is_available() and torch.cuda.get_device_name() or '')"
    asked = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    return asked.stdout.strip() or None


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    raw = argparse.RawDescriptionHelpFormatter
    real, sample = ROOT.parent / "shared/data/postings.csv", ROOT / "input_data/sample_postings.csv"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument(
        "--postings",
        type=Path,
        default=real if real.is_file() else sample,
        metavar="FILE",
        help="CSV with title and text (%(default)s)",
    )
    parser.add_argument("--only", default="", help="models, plans, rows (gpt2-xl/8bit) or quality")
    parser.add_argument(
        "--resumed",
        default=f"{ZERO2},{EIGHT_BITS}",
        metavar="NAMES",
        help="models, plans or rows of which a checkpoint is written and resumed (%(default)s)",
    )
    parser.add_argument(
        "--minutes",
        type=float,
        default=math.inf,
        help="after so many no row begins, and the running one is killed (no limit)",
    )
    parser.add_argument("--limit", type=float, default=11.5, help="GiB of the GPU (%(default)s)")
    parser.add_argument("--tiny", action="store_true", help="shapes of two narrow layers")
    parser.add_argument("--work", metavar="FOLDER", help="for weights and checkpoints: 40 GB free")
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks/results/train_12gb.json")
    parser.add_argument("--resume", action="store_true", help="keep the rows that OUTPUT has")
    parser.add_argument("--row", help=argparse.SUPPRESS)  # for the process of a row
    arguments = parser.parse_args()
    if arguments.row:
        return arguments
    arguments.only = [part for part in arguments.only.split(",") if part]
    arguments.resumed = [part for part in arguments.resumed.split(",") if part]
    if unknown := [part for part in arguments.only if not rows_of([part])]:
        known = ", ".join((*SHAPES, *PLANS, "quality"))
        parser.error(f"--only {','.join(unknown)}: expected some of {known}, or MODEL/PLAN")
    if unknown := [part for part in arguments.resumed if not resumable([part])]:
        known = ", ".join((*SHAPES, *PLANS[1:]))
        parser.error(f"--resumed {','.join(unknown)}: expected some of {known}, or MODEL/PLAN")
    arguments.resumed = resumable(arguments.resumed) if arguments.resumed else []
    if not arguments.minutes > 0:
        parser.error(f"--minutes {arguments.minutes:g}: expected a number above 0")
    if not arguments.postings.is_file():
        parser.error(f"--postings {arguments.postings}: no such file")
    return arguments


def rows_of(chosen: list[str]) -> list[str]:
    """The rows of these models, plans or names, in the order of the names; of none: all."""
    rows = [f"{model}/{plan}" for model in SHAPES for plan in PLANS]
    rows += [f"quality/{name}" for name in QUALITY]
    named = [row for part in chosen for row in rows if part in (row, *row.split("/"))]
    return list(dict.fromkeys(named)) if chosen else rows


def resumable(chosen: list[str]) -> list[str]:
    """Those rows of `rows_of` from whose checkpoint a training of this project can resume."""
    return [row for row in rows_of(chosen) if not is_quality(row) and not row.endswith(ORIGINAL)]


def is_quality(row: str) -> bool:
    """Whether a row is about the loss, not about speed and memory."""
    return row.startswith("quality/")


def model_of(row: str) -> str:
    """The model whose shape a row trains."""
    return QUALITY_MODEL if is_quality(row) else row.split("/")[0]


def run_folder(work: str, row: str) -> Path:
    """Of a row that is being measured."""
    return Path(work, "runs", row.replace("/", "-"))


def write_untrained(models: list[str], postings: str, tiny: bool, work: str) -> None:
    """Write folders with random weights of the models' shapes, and a tokenizer of the postings.

    Weights are drawn on the GPU where there is one: on a CPU that takes 59 ns each.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    tokenizer = learn_tokenizer(postings)
    on_gpu = torch.cuda.is_available()
    for name in models:
        architecture, shape = SHAPES[name]
        shape = (TINY[architecture] if tiny else shape) | {
            "vocab_size": TINY_EMBEDDINGS if tiny else EMBEDDINGS
        }
        torch.manual_seed(SEED)
        config = AutoConfig.for_model(architecture, **shape)
        with torch.device("cuda" if on_gpu else "cpu"):
            model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
        model.save_pretrained(Path(work, name))
        tokenizer.save_pretrained(Path(work, name))
        del model


def learn_tokenizer(postings: str) -> Any:
    """A byte-pair tokenizer of `VOCABULARY` tokens."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    pairs = Tokenizer(models.BPE())
    pairs.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    pairs.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, initial_alphabet=alphabet, show_progress=False
    )
    pairs.train_from_iterator(pd.read_csv(postings)["text"].dropna(), trainer)
    return PreTrainedTokenizerFast(tokenizer_object=pairs)


def real_postings(path: str, max_length: int, tokenizer: Any, rows: int) -> pd.DataFrame:
    """So many real postings that fit, in random order, with words of theirs as keywords."""
    frame = pd.read_csv(path)[["title", "text"]].dropna()
    words = frame["text"].str.findall(r"[a-z]{5,}")
    frame["keywords"] = [list(dict.fromkeys(found))[:KEYWORDS] for found in words]
    beside = 100  # tokens, more than title and keywords take
    lengths = [len(ids) for ids in tokenizer(list(frame["text"]))["input_ids"]]
    fitting = frame[[length + beside < max_length for length in lengths]]
    return fitting.sample(rows, replace=rows > len(fitting), random_state=SEED)


def with_full_batch(frame: pd.DataFrame, nlp: Any, rows: int) -> Any:
    """The postings as a training set; so many of them have the full length, and fill one batch."""
    from jobgen.common.errors import InputError

    source = nlp.tokenizer(" ".join(frame["text"]))["input_ids"]
    for tokens in range(MAX_LEN, 0, -2):
        grown = frame.iloc[[0]].assign(text=nlp.tokenizer.decode(source[:tokens]))
        try:
            longest = nlp.training_set(grown)
        except InputError:  # it does not fit yet
            continue
        break
    assert longest.padded_length(longest.n_tokens[0]) == MAX_LEN
    return nlp.training_set(pd.concat([*[grown] * rows, frame.iloc[rows:]], ignore_index=True))


def measure(
    row: str, part: str, work: str, limit: float, postings: str, tiny: bool, keep: bool
) -> None:
    """Train in one way; figures go to the standard output."""
    import torch

    torch.manual_seed(SEED)
    if is_quality(row):
        tell(loss=final_loss(row, work, postings, tiny))
        return
    if torch.cuda.is_available():
        whole = torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, limit * 2**30 / whole))
    rate = product_rate()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    try:
        if row.endswith(ORIGINAL):
            train_as_the_original(row, work, postings, rate)
        elif part == "resume":
            resume(row, work, postings, tiny)
        else:
            train(row, work, postings, rate, tiny, keep)
    except torch.OutOfMemoryError:
        tell(**{"resumes" if part == "resume" else "fits": False}, **named(part, peaks()))


def named(part: str, figures: dict[str, float]) -> dict[str, float]:
    """The figures under names that say of which part they are."""
    return {f"resumed_{name}" if part == "resume" else name: figures[name] for name in figures}


def product_rate() -> float:
    """Floating-point operations a second of products of two bf16 (on a CPU float32) matrices."""
    import torch

    on_gpu = torch.cuda.is_available()
    size, kind = (8192, torch.bfloat16) if on_gpu else (1024, torch.float32)
    left, right = torch.randn(2, size, size, device="cuda" if on_gpu else "cpu", dtype=kind)
    for _ in range(3):
        left @ right
    synchronize()
    start = time.perf_counter()
    for _ in range(20):
        left @ right
    synchronize()
    return 20 * 2 * size**3 / (time.perf_counter() - start)


def synchronize() -> None:
    """Wait for the GPU, if there is one."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()


def peaks() -> dict[str, float]:
    """GB that this process had of the GPU at most; empty without one."""
    import torch

    if not torch.cuda.is_available():
        return {}
    free, whole = torch.cuda.mem_get_info()
    context = whole - free - torch.cuda.memory_reserved()
    return {
        "peak_gb": (torch.cuda.max_memory_allocated() + context) / 1e9,
        "allocated_gb": torch.cuda.max_memory_allocated() / 1e9,
        "reserved_gb": torch.cuda.max_memory_reserved() / 1e9,
        "context_gb": context / 1e9,
        "machine_gb": psutil.virtual_memory().used / 1e9,  # pinned memory may be no process's own
    }


def fits(figures: dict[str, float]) -> bool:
    """Whether a card of 12 GB would have had room; on a CPU, which has no such peaks, it has."""
    reserved, context = (figures.get(f"{name}_gb", 0.0) for name in ("reserved", "context"))
    return (reserved + context) * 1e9 < CARD_BYTES


def configuration(row: str, work: str, tiny: bool, **changes: Any) -> Any:
    """The train file that a row stands for, on random weights, at 1,024 tokens."""
    from jobgen.common.config import TrainConfig
    from jobgen.common.config_loader import load_config

    model, plan = model_of(row), row.split("/")[1]
    if is_quality(row):
        plan, seed = QUALITY[plan]
        changes = {"seed": seed} | changes
        if plan == ZERO2:  # the same AdamW, where it takes no time to compile or to copy
            changes["ds_config"] = str(ROOT / "DS_configs/zero2_any_device.json")
    ending = "" if plan == ZERO2 else "-8bit"
    file = str(ROOT / f"train_configs/{model}{ending}.json")
    shipped, _ = load_config(file, TrainConfig, check_files=False)
    settings = {"train": None, "test": None, "report_to": [], "cache_dir": None, "epochs": 1}
    settings |= {"model": str(Path(work, model)), "output_dir": str(run_folder(work, row))}
    settings |= {"save_steps": 10**6, "max_length": MAX_LEN}
    if shipped.ds_config:
        settings["ds_config"] = str(ROOT / shipped.ds_config)
    if plan == IN_BACKWARD:
        settings |= {"optimizer": "adamw_8bit_in_backward", "max_grad_norm": 0}
        settings["micro_batch_size"] = (
            shipped.micro_batch_size * shipped.gradient_accumulation_steps
        )
        settings["gradient_accumulation_steps"] = 1
    if tiny:
        settings |= {"micro_batch_size": 1, "gradient_accumulation_steps": 1}
    return shipped.model_copy(update=settings | changes)


def open_plan(postings: str, config: Any) -> tuple[Any, Any]:
    """The `NLP_model`, and a training set for `STEPS` steps."""
    from utils import NLP_model

    nlp = NLP_model(config)
    step = config.micro_batch_size * config.gradient_accumulation_steps
    frame = real_postings(postings, MAX_LEN, nlp.tokenizer, STEPS * step)
    return nlp, with_full_batch(frame, nlp, step)


def train(row: str, work: str, postings: str, rate: float, tiny: bool, keep: bool) -> None:
    """Time the steps of a plan of this project; leave a checkpoint where it is to be resumed."""
    from jobgen.training.memory import Estimate, find_target

    stopwatch = Stopwatch(keep)
    nlp, rows = open_plan(postings, configuration(row, work, tiny))
    run_folder(work, row).mkdir(parents=True)
    stopwatch.count_tokens(nlp.model, nlp.tokenizer.pad_token_id)
    nlp.train(rows, callbacks=[stopwatch.callback()])
    figures = stopwatch.figures(rate, nlp.model)
    tell(fits=fits(figures), **figures)
    need = Estimate(nlp, rows, find_target(nlp.config, None, None)).need()
    estimate = {"estimate_gb": need.total("device") / 1e9}
    if "peak_gb" in figures:
        estimate["estimate_to_peak"] = estimate["estimate_gb"] / figures["peak_gb"]
    tell(**estimate)


def resume(row: str, work: str, postings: str, tiny: bool) -> None:
    """Resume from the checkpoint of `train`, for some steps."""
    stopwatch = Stopwatch(keep=False)
    more = configuration(row, work, tiny, max_steps=STEPS + AFTER_RESUME)
    nlp, rows = open_plan(postings, more)
    nlp.train(rows, resume=True, callbacks=[stopwatch.callback()])
    assert stopwatch.steps == AFTER_RESUME, stopwatch.steps
    figures = {"loading_seconds": stopwatch.loading_seconds} | peaks()
    tell(resumes=fits(figures), **named("resume", figures))


def final_loss(row: str, work: str, postings: str, tiny: bool) -> float:
    """Mean training loss of the last steps of a longer training; nats a token."""
    from transformers import TrainerCallback

    from utils import NLP_model

    steps = QUALITY_MEAN if tiny else QUALITY_STEPS
    config = configuration(row, work, tiny, max_steps=steps, logging_steps=1, epochs=100)
    nlp = NLP_model(config)
    frame = real_postings(postings, MAX_LEN, nlp.tokenizer, rows=800)
    run_folder(work, row).mkdir(parents=True)
    losses = []

    class Collect(TrainerCallback):
        def on_log(self, args, state, control, logs=None, **kwargs):
            losses.extend([logs["loss"]] if "loss" in logs else [])

        def on_step_end(self, args, state, control, **kwargs):
            control.should_save = False

    nlp.train(frame, callbacks=[Collect()])
    assert len(losses) == steps, len(losses)
    return statistics.fmean(losses[-QUALITY_MEAN:])


def train_as_the_original(row: str, work: str, postings: str, rate: float) -> None:
    """One posting a step, padded, all of it learnt, as its files say; all weights are trained."""
    import deepspeed
    import torch
    from transformers import AutoModelForCausalLM, Trainer, TrainingArguments

    from jobgen.common.distributed import set_single_process_environment
    from jobgen.models.loading import load_tokenizer

    stopwatch = Stopwatch(keep=False)
    folder, max_length = Path(work, model_of(row)), ORIGINAL_LEN[model_of(row)]
    tokenizer = load_tokenizer(folder)
    pad = tokenizer.pad_token_id
    rows = whole_rows(real_postings(postings, max_length, tokenizer, STEPS), tokenizer, max_length)
    warnings.filterwarnings("ignore", category=FutureWarning)  # each step of ZeRO-3 has some
    set_single_process_environment()
    deepspeed.init_distributed(verbose=False)
    on_gpu = torch.cuda.is_available()
    arguments = TrainingArguments(
        output_dir=str(run_folder(work, row)),
        deepspeed=ORIGINAL_DEEPSPEED,
        fp16=on_gpu,
        use_cpu=not on_gpu,
        max_steps=STEPS,
        per_device_train_batch_size=1,
        learning_rate=1e-4,
        adam_epsilon=5e-4,
        weight_decay=0.01,
        warmup_steps=100,
        report_to=[],
        save_strategy="no",
        remove_unused_columns=False,
        dataloader_pin_memory=on_gpu,
    )
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)  # ZeRO-3 shares out
    model.resize_token_embeddings(model.config.vocab_size - ROUNDED_UP)
    stopwatch.count_tokens(model, pad)
    Trainer(
        model=model,
        args=arguments,
        train_dataset=rows,
        data_collator=partial(padded_to, max_length, pad),
        callbacks=[stopwatch.callback()],
    ).train()
    figures = stopwatch.figures(rate, model)
    tell(fits=fits(figures), **figures)


class Stopwatch:
    """Times steps and counts their real tokens; counts the bytes over PCIe in one more.

    Args:
        keep: whether the checkpoint at the end is to be written.

    Attributes:
        steps: seen.
        skipped: those of them that changed nothing, since fp16 gradients overflowed.
        loading_seconds: from the start of the stopwatch to the first step.
        step_seconds: of each step, warm-up included.
        tokens: real ones, of the timed steps.
    """

    def __init__(self, keep: bool):
        self.keep = keep
        self.steps = self.tokens = self.skipped = 0
        self.loading_seconds, self.step_seconds = 0.0, []
        self.pcie_bytes: int | None = None
        self._last = time.perf_counter()

    def lap(self) -> float:
        """Seconds since the last lap, or since the start; the GPU has done its work."""
        synchronize()
        before, self._last = self._last, time.perf_counter()
        return self._last - before

    def count_tokens(self, model: Any, pad: int) -> None:
        """Watch what the model is given; `pad` is the id of the padding token."""

        def count(module: Any, inputs: tuple, named: dict) -> None:
            if WARM_UP <= self.steps < WARM_UP + TIMED:
                self.tokens += int((named["input_ids"] != pad).sum())

        model.register_forward_pre_hook(count, with_kwargs=True)

    def callback(self) -> Any:
        """For the Trainer."""
        from torch.profiler import ProfilerActivity, profile, supported_activities
        from transformers import TrainerCallback

        known = supported_activities()
        watch, profiler = self, profile(activities=known - {ProfilerActivity.CPU} or known)

        class Watch(TrainerCallback):
            def on_step_begin(self, args, state, control, **kwargs):
                if watch.steps == 0:
                    watch.loading_seconds = watch.lap()
                if watch.steps == WARM_UP + TIMED:
                    profiler.start()

            def on_step_end(self, args, state, control, optimizer=None, **kwargs):
                watch.step_seconds.append(watch.lap())
                watch.steps += 1
                watch.skipped += bool(getattr(optimizer, "step_was_skipped", False))
                if watch.steps == WARM_UP + TIMED + 1:
                    profiler.stop()
                    watch.pcie_bytes = copied_bytes(profiler)
                control.should_save &= watch.keep

        return Watch()

    def figures(self, rate: float, model: Any) -> dict[str, Any]:
        """Of the timed steps."""
        parameters = sum(getattr(part, "ds_numel", part.numel()) for part in model.parameters())
        per_second = self.tokens / sum(self.step_seconds[WARM_UP : WARM_UP + TIMED])
        pcie_gb = None if self.pcie_bytes is None else self.pcie_bytes / 1e9
        return {
            "tokens_per_second": per_second,
            "share_of_rate": 6 * parameters * per_second / rate,
            "parameters": parameters,
            "pcie_gb": pcie_gb,
            "skipped_steps": self.skipped,
            "loading_seconds": round(self.loading_seconds, 2),
            "step_seconds": [round(seconds, 3) for seconds in self.step_seconds],
            **peaks(),
        }


def copied_bytes(profiler: Any) -> int | None:
    """Bytes that were copied between host and GPU while a profiler looked; None: it saw no GPU."""
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder, "trace.json")
        profiler.export_chrome_trace(str(trace))
        events = json.loads(trace.read_text(encoding="utf-8"))["traceEvents"]
    if not any(event.get("cat") == "kernel" for event in events):
        return None
    copies = [event for event in events if event.get("cat") == "gpu_memcpy"]
    crossing = [event for event in copies if "HtoD" in event["name"] or "DtoH" in event["name"]]
    return sum(int(event["args"]["bytes"]) for event in crossing)


def judge(results: dict) -> None:
    """Put the bars for which there are rows into the results."""
    results["bars"], rows = [], {row["row"]: row for row in results["rows"]}
    for model, wanted in BARS.items():
        ours = [rows.get(f"{model}/{plan}", {}) for plan in RESUMED]
        speeds = [row["tokens_per_second"] for row in ours if row.get("fits")]
        for what, key in (("trains", "fits"), ("resumes", "resumes")):
            if known := [row[key] for row in ours if key in row]:
                add_bar(results, f"{model} {what} in 12 GB", float(any(known)), "1", any(known))
        before = rows.get(f"{model}/{ORIGINAL}", {}).get("tokens_per_second")
        if before and speeds:
            ratio = max(speeds) / before
            name = f"{model}, tokens/s to the original's"
            add_bar(results, name, ratio, f"at least {wanted}", ratio >= wanted)
    for name, row in rows.items():
        if ratio := row.get("estimate_to_peak"):
            add_bar(results, f"{name}, estimate to peak", ratio, "0.85 to 1.15",
                    abs(ratio - 1) <= 0.15)  # fmt: skip
    losses = {name: rows.get(f"quality/{name}", {}).get("loss", math.nan) for name in QUALITY}
    first, second, *others = losses.items()
    for name, loss in others:
        spread, apart = abs(first[1] - second[1]), loss - first[1]
        if not math.isnan(spread + apart):
            add_bar(results, f"{name}, loss above {ZERO2}'s", apart,
                    f"at most {spread:.4f}, of two seeds", apart <= spread)  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
