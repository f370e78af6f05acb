"""NLP_model: tokenizer, model, training engine and generation in one object, for notebooks."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from jobgen.common.config import GenerateConfig, TrainConfig
from jobgen.common.config_loader import parse_config
from jobgen.common.distributed import is_main_process
from jobgen.common.errors import InputError
from jobgen.models.hub import locate
from jobgen.models.loading import (
    VOCABULARY_MULTIPLE,
    add_adapters,
    check_positions,
    load_model,
    load_tokenizer,
    positions,
    trim_vocabulary,
)
from jobgen.models.loading import unfreeze_last_n as unfreeze_blocks
from jobgen.training.dataset import PostingDataset


class NLP_model:  # noqa: N801, the name that users of the original project import
    """A causal language model that learns postings and writes them.

    Args:
        config: the training configuration, as a `TrainConfig` or the content of a train JSON.

    Attributes:
        tokenizer: the model's tokenizer with the added special tokens.
        model: the `PreTrainedModel`; its weights load at the first use.

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
        weights = self.config.model_preload
        preload_folder = weights if weights and Path(weights).is_dir() else None
        self._weights = None if preload_folder else weights
        self._name = preload_folder or self.config.model
        self.folder = locate(self._name, self.config.cache_dir, weights=False)
        self.limit = positions(self.folder)
        check_positions("max_length", self.config.max_length, self.limit, self._name)
        if self._weights and not Path(self._weights).is_file():
            raise InputError(
                self._weights, "no such file; expected a pytorch_model.bin or a model folder"
            )
        if self.config.lora_rank is not None and self.config.unfreeze_last_n is not None:
            raise InputError("lora_rank", "does not go with unfreeze_last_n; set one of them null")
        self.tokenizer = load_tokenizer(self.folder)
        self.trainer = None
        self._index = None  # of the texts that the trainer learns from

    @classmethod
    def load(
        cls, folder: str, weights: str | None = None, cache_dir: str | None = None
    ) -> "NLP_model":
        """Load a fine-tuned model.

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
        fits = min(TrainConfig().max_length, positions(base) or TrainConfig().max_length)
        return cls(
            TrainConfig(model=folder, model_preload=weights, cache_dir=cache_dir, max_length=fits)
        )

    @cached_property
    def arguments(self) -> Any:
        """The Trainer's arguments; making them starts DeepSpeed where the configuration has it."""
        from jobgen.training.arguments import training_arguments

        return training_arguments(self.config)

    @cached_property
    def model(self) -> Any:
        """The weights as they are trained; under ZeRO-3 already partitioned."""
        import torch
        from transformers import set_seed

        from jobgen.training.arguments import loads_bfloat16

        if self.config.ds_config:
            _ = self.arguments  # before the weights: ZeRO-3 partitions them while they load
        set_seed(self.config.seed)  # of the embeddings of the added tokens
        folder = locate(self._name, self.config.cache_dir)
        # With adapters PEFT computes the logits, and would predict what pads the vocabulary.
        pad_to = VOCABULARY_MULTIPLE if self.config.lora_rank is None else None
        dtype = torch.bfloat16 if loads_bfloat16(self.config) else torch.float32
        model = load_model(folder, self.tokenizer, self._weights, pad_to, dtype=dtype)
        if self.config.unfreeze_last_n is not None:
            unfreeze_blocks(model, self.config.unfreeze_last_n)
        if self.config.lora_rank is not None:
            model = add_adapters(model, self.tokenizer, self.config.lora_rank)
        return model

    def load_weights(self) -> None:
        """Load the weights now instead of at their first use."""
        _ = self.model

    def unfreeze_last_n(self, n: int) -> int:
        """Train the last n blocks, final norm and embeddings; returns how many parameters."""
        return unfreeze_blocks(self.model, n)

    def training_set(self, frame: pd.DataFrame) -> PostingDataset:
        """Rows as the model sees them in training: keywords drawn anew each epoch."""
        keywords = (self.config.keywords_min, self.config.keywords_max)
        return PostingDataset(
            frame,
            self.tokenizer,
            self.config.max_length,
            keywords,
            self.config.loss_on,
            self.config.seed,
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
            resume: go on from the newest whole checkpoint of the run folder, if it has one;
                otherwise its checkpoints are removed.
            callbacks: further `TrainerCallback`s.

        Returns:
            The held-out figures at the end: `eval_nats_per_byte`, `eval_perplexity` and others;
            empty without a test frame.
        """
        import torch

        from jobgen.training.arguments import keep_freed_memory
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
            from jobgen.training.callbacks import SampleCallback

            every = self.config.generate_every
            specimens = SampleCallback(self.trainer, test_set, self._write_samples, every)
            callbacks = [*callbacks, specimens]
        for callback in callbacks:
            self.trainer.add_callback(callback)
        self.trainer.train(checkpoint)
        return self.trainer.final_figures() if test_set else {}

    def evaluate(self, frame: pd.DataFrame) -> dict[str, float]:
        """Held-out figures of a frame.

        Returns:
            `eval_nats_per_byte` (of the texts, given title and 8 keywords), `eval_nats_per_token`,
            `eval_perplexity`, and the Trainer's timings.
        """
        test_set = self.test_set(frame)
        if self.trainer is not None:
            # Its bytes are what the figures are divided by.
            of_training, self.trainer.eval_dataset = self.trainer.eval_dataset, test_set
            try:
                return self.trainer.evaluate()
            finally:
                self.trainer.eval_dataset = of_training
        with self._evaluating(test_set) as trainer:
            return trainer.evaluate()

    def nats(self, frame: pd.DataFrame) -> pd.DataFrame:
        """How unlikely each text is, given its title and first 8 keywords.

        Returns:
            Columns `nats` and `tokens` (of the text and its end), indexed by the row's number in
            the frame, from 0; rows longer than `max_length` tokens are left out.
        """
        try:
            test_set = PostingDataset(frame, self.tokenizer, self.config.max_length)
        except InputError:  # none fits
            return pd.DataFrame({"nats": [], "tokens": []})
        with self._evaluating(test_set) as trainer:
            output = trainer.evaluation_loop(trainer.get_eval_dataloader(), "nats", False)
        columns = {"nats": output.predictions, "tokens": output.label_ids}
        return pd.DataFrame(columns, index=test_set.rows)

    @contextmanager
    def _evaluating(self, test_set: PostingDataset) -> Iterator[Any]:
        """A Trainer that evaluates, without a run folder."""
        from jobgen.training.arguments import evaluation_arguments
        from jobgen.training.trainer import PostingTrainer

        with TemporaryDirectory() as place:
            yield PostingTrainer(
                self.model,
                evaluation_arguments(self.config, place),
                self.config,
                self.tokenizer,
                None,
                test_set,
            )

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
            The columns of `jobgen.postings.Posting`; `num_return_sequences` rows per title, fewer
            where texts were copies.
        """
        from jobgen.generation.engines import TransformersEngine, open_engine
        from jobgen.generation.generator import Generator
        from jobgen.generation.posting import POSTING_COLUMNS
        from jobgen.generation.requests import cap_max_length, number_prompts
        from jobgen.text.memorized import MemorizationIndex

        settings = {"half_precision": False} | settings | {"model": self.config.model}
        config, _ = parse_config(settings, GenerateConfig, "NLP_model.generate")
        config = cap_max_length(config, self.limit)
        pairs = list(zip(titles, keywords, strict=True))
        prompts = number_prompts(pairs, self.tokenizer, config)
        index = MemorizationIndex.load(self.folder)
        if self.trainer is None:
            engine = open_engine(self, config)
        else:
            if config.engine != "transformers":
                raise InputError(
                    "engine", f'"{config.engine}" reads a saved model; save it, and load that'
                )
            engine = TransformersEngine(self.model, self.tokenizer, config)
            learnt = self.trainer.train_dataset
            self._index = self._index or MemorizationIndex.of(learnt.texts, learnt.rows)
            index = self._index
        generator = Generator(engine, self.tokenizer, config, index)
        groups = generator.generate(generator.groups(prompts))
        rows = [vars(posting) for group in groups for posting in group]
        return pd.DataFrame(rows, columns=POSTING_COLUMNS)

    def _write_samples(self, titles: list[str], keywords: list[list[str]]) -> pd.DataFrame:
        """Texts as the weights are now: nothing guides them, and copies stay to be counted."""
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
        from transformers.integrations.deepspeed import is_deepspeed_zero3_enabled

        if isinstance(self.model, PeftModel):
            self.model = self.model.merge_and_unload()
        if self.trainer is not None and is_deepspeed_zero3_enabled():
            self.trainer.save_model(folder)  # gathers the partitioned weights
        elif is_main_process():
            self.model.save_pretrained(folder)
            self.tokenizer.save_pretrained(folder)
        if is_main_process():
            trim_vocabulary(Path(folder), len(self.tokenizer))
