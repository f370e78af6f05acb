"""NLP_model: tokenizer, model, training and generation in one object, for scripts and notebooks."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from jobgen.common.config import GenerateConfig, TrainConfig
from jobgen.common.config_loader import parse_config
from jobgen.common.errors import InputError
from jobgen.models.hub import locate
from jobgen.models.loading import (
    check_positions,
    load_tokenizer,
    positions,
    save_model,
)
from jobgen.models.loading import unfreeze_last_n as unfreeze_blocks
from jobgen.training.dataset import PostingDataset

# Longest sequence of a loaded model that has no limit of its own, in tokens.
_NO_LIMIT = 2**15


class NLP_model:  # noqa: N801, the name that users of the original project import
    """A causal language model that learns postings and writes them.

    Args:
        config: the training configuration, as a `TrainConfig` or the content of a train JSON.

    Attributes:
        tokenizer: the model's tokenizer with the added special tokens.
        model: the `PreTrainedModel`; its weights load at the first use.
        folder: the folder of the base model.
        limit: the model's positions; None: it has no limit.

    Raises:
        InputError: a field is wrong, the model or its weights cannot be found, or it has fewer
            positions than `max_length`.

    Example:
        >>> nlp = NLP_model({"model": "gpt2-large", "output_dir": "runs/my_run"})
        ... nlp.train(train_frame, test_frame)
        ... nlp.generate(["Data Engineer"], [["Python", "Spark"]])  # doctest: +SKIP
    """

    def __init__(self, config: TrainConfig | dict[str, Any]):
        if isinstance(config, dict):
            config, _ = parse_config(config, TrainConfig, "NLP_model")
        self.config = config
        weights = config.model_preload
        preload_folder = weights if weights and Path(weights).is_dir() else None
        self._weights = None if preload_folder else weights
        self._name = preload_folder or config.model
        self.folder = locate(self._name, config.cache_dir, weights=False)
        self.limit = positions(self.folder)
        check_positions("max_length", config.max_length, self.limit, self._name)
        if self._weights and not Path(self._weights).is_file():
            raise InputError(
                self._weights, "no such file; expected a pytorch_model.bin or a model folder"
            )
        if config.lora_rank is not None and config.unfreeze_last_n is not None:
            raise InputError("lora_rank", "does not go with unfreeze_last_n; set one of them null")
        self.tokenizer = load_tokenizer(self.folder)
        self.trainer: Any = None
        self._index: Any = None  # of the texts that the trainer learns from

    @classmethod
    def load(
        cls, folder: str, weights: str | None = None, cache_dir: str | None = None
    ) -> "NLP_model":
        """Load a fine-tuned model; it reads texts as long as it has positions.

        Args:
            folder: what `save` wrote; with `weights`, the base model they belong to.
            weights: a `pytorch_model.bin` of the original project, or a model folder.
            cache_dir: where a base model is kept.

        Raises:
            InputError: the model was never fine-tuned on postings.
        """
        is_file = weights is not None and Path(weights).is_file()
        base = locate(folder if is_file else weights or folder, cache_dir, weights=False)
        if not is_file:
            load_tokenizer(base, fine_tuned=True)
        longest = positions(base) or _NO_LIMIT
        return cls(
            TrainConfig(
                model=folder, model_preload=weights, cache_dir=cache_dir, max_length=longest
            )
        )

    @cached_property
    def arguments(self) -> Any:
        """The Trainer's arguments; making them starts DeepSpeed where the configuration has it."""
        from jobgen.training.arguments import training_arguments

        return training_arguments(self.config)

    @cached_property
    def model(self) -> Any:
        """The weights as they are trained; under ZeRO-3 already partitioned."""
        from jobgen.training.model import load_trainable_model

        if self.config.ds_config:
            _ = self.arguments  # before the weights: ZeRO-3 partitions them while they load
        folder = locate(self._name, self.config.cache_dir)
        return load_trainable_model(folder, self.tokenizer, self.config, self._weights)

    def load_weights(self) -> None:
        """Load the weights now instead of at their first use."""
        _ = self.model

    def unfreeze_last_n(self, n: int) -> int:
        """Train the last n blocks, final norm and embeddings; returns how many parameters."""
        return unfreeze_blocks(self.model, n)

    def training_set(self, frame: pd.DataFrame) -> PostingDataset:
        """Rows as the model sees them in training: keywords are drawn anew each epoch."""
        config = self.config
        keywords = (config.keywords_min, config.keywords_max)
        return PostingDataset(
            frame, self.tokenizer, config.max_length, keywords, config.loss_on, config.seed
        )

    def test_set(self, frame: pd.DataFrame) -> PostingDataset:
        """Rows as the model sees them in evaluation: first eight keywords, loss on the text."""
        rows = frame.head(self.config.eval_rows or len(frame))
        return PostingDataset(rows, self.tokenizer, self.config.max_length)

    def train(
        self,
        train_frame: pd.DataFrame | PostingDataset,
        test_frame: pd.DataFrame | PostingDataset | None = None,
        resume: bool = False,
        callbacks: Sequence[Any] = (),
    ) -> dict[str, float]:
        """Fine-tune, with evaluation, checkpoints and logs in the run folder.

        Args:
            train_frame: columns title, keywords (lists), text; or what `training_set` made of it.
            test_frame: the same, held out, or its `test_set`; None to train without evaluation.
            resume: whether to resume from the latest valid checkpoint of the run folder, if it has
                one; otherwise its checkpoints are removed.
            callbacks: further `TrainerCallback`s.

        Returns:
            The held-out metrics at the end: `eval_nats_per_byte`, `eval_perplexity` and others;
            empty without a test frame.
        """
        import torch

        from jobgen.training.arguments import keep_freed_memory
        from jobgen.training.callbacks import SampleCallback
        from jobgen.training.checkpoints import latest_valid_checkpoint
        from jobgen.training.trainer import PostingTrainer

        if not torch.cuda.is_available():
            keep_freed_memory(self.model)
        train_set, test_set = train_frame, test_frame
        if isinstance(train_frame, pd.DataFrame):
            train_set = self.training_set(train_frame)
        if isinstance(test_frame, pd.DataFrame):
            test_set = self.test_set(test_frame)
        checkpoint = latest_valid_checkpoint(Path(self.config.output_dir)) if resume else None
        self._index = None
        self.trainer = PostingTrainer(
            self.model, self.arguments, self.config, self.tokenizer, train_set, test_set
        )
        if self.config.generate_every and test_set:
            every = self.config.generate_every
            samples = SampleCallback(self.trainer, test_set, self._write_samples, every)
            callbacks = [*callbacks, samples]
        for callback in callbacks:
            self.trainer.add_callback(callback)
        self.trainer.train(checkpoint)
        return self.trainer.final_figures() if test_set else {}

    def evaluate(self, frame: pd.DataFrame) -> dict[str, float]:
        """Held-out metrics of a frame.

        Returns:
            `eval_nats_per_byte` (of the texts, given title and 8 keywords), `eval_nats_per_token`,
            `eval_perplexity`, and the Trainer's timings.
        """
        from jobgen.training.evaluation import evaluation_trainer

        test_set = self.test_set(frame)
        if self.trainer is not None:
            return self.trainer.evaluate_on(test_set)
        with evaluation_trainer(self.model, self.config, self.tokenizer, test_set) as trainer:
            return trainer.evaluate()

    def nats(self, frame: pd.DataFrame) -> pd.DataFrame:
        """`posting_likelihoods` of a frame: columns `nats` and `tokens`, by number of the row."""
        from jobgen.training.evaluation import posting_likelihoods

        return posting_likelihoods(self.model, self.config, self.tokenizer, frame)

    def generate(
        self, titles: list[str], keywords: list[list[str]], **settings: Any
    ) -> pd.DataFrame:
        """Write postings.

        Args:
            titles: one per prompt.
            keywords: a list of keywords per title.
            settings: fields of `GenerateConfig`, such as `temperature` or `num_return_sequences`;
                `half_precision` is false unless it is given, for it changes the weights for good.

        Returns:
            The columns of `jobgen.generation.posting.Posting`; `num_return_sequences` rows per
            title, fewer where texts were copied from training postings.
        """
        from jobgen.generation.generator import open_generator
        from jobgen.generation.requests import cap_max_length

        settings = {"half_precision": False} | settings | {"model": self.config.model}
        config, _ = parse_config(settings, GenerateConfig, "NLP_model.generate")
        config = cap_max_length(config, self.limit)
        trained = () if self.trainer is None else self._trained_engine(config)
        return open_generator(self, config, *trained).generate_frame(titles, keywords)

    def _trained_engine(self, config: GenerateConfig) -> tuple[Any, Any]:
        """An engine with the weights as they are in the training, and the index of its texts."""
        from jobgen.generation.engines import TransformersEngine
        from jobgen.text.memorized import MemorizationIndex

        if config.engine != "transformers":
            raise InputError(
                "engine", f'"{config.engine}" reads a saved model; save it, and load that'
            )
        learned = self.trainer.train_dataset
        self._index = self._index or MemorizationIndex.of(learned.texts, learned.rows)
        return TransformersEngine(self.model, self.tokenizer, config), self._index

    def _write_samples(self, titles: list[str], keywords: list[list[str]]) -> pd.DataFrame:
        """Sample from the current weights: no guidance, memorized texts kept."""
        return self.generate(
            titles,
            keywords,
            guidance="off",
            max_memorized_words=None,
            max_length=self.config.max_length,
            batch_size=len(titles),  # each process of ZeRO-3 must take the same steps
            seed=self.config.seed,
        )

    def save(self, folder: str) -> None:
        """Write a plain Hugging Face model folder: safetensors, tokenizer, generation settings."""
        from peft import PeftModel

        if isinstance(self.model, PeftModel):
            self.model = self.model.merge_and_unload()
        save_gathered = None if self.trainer is None else self.trainer.save_model
        save_model(self.model, self.tokenizer, Path(folder), save_gathered)
