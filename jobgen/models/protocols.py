"""What the stages use of a tokenizer and of a model, whichever class provides it."""

from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from jobgen.common.config import TrainConfig


class Tokenizer(Protocol):
    """A Hugging Face tokenizer with the special tokens of our sequence, from `load_tokenizer`."""

    bos_token_id: int
    eos_token_id: int
    pad_token_id: int

    def __len__(self) -> int: ...

    def __call__(self, text: Any, **options: Any) -> Any:
        """Token ids of one text or several, as `input_ids`."""

    @property
    def added_tokens_decoder(self) -> dict[int, Any]:
        """The added tokens by their ids."""

    def get_vocab(self) -> dict[str, int]:
        """All tokens and their ids."""

    def get_added_vocab(self) -> dict[str, int]:
        """The added tokens and their ids."""

    def convert_tokens_to_ids(self, tokens: list[str]) -> list[int]:
        """The ids of some tokens."""

    def decode(self, token_ids: Any, **options: Any) -> str:
        """The text of some token ids."""

    def batch_decode(self, sequences: Any, **options: Any) -> list[str]:
        """The texts of several lists of token ids."""

    def save_pretrained(self, folder: Any) -> Any:
        """Write the tokenizer's files into a folder."""


class LanguageModel(Protocol):
    """What the stages use of `utils.NLP_model`, which they must not import."""

    def __init__(self, config: TrainConfig): ...

    @property
    def config(self) -> TrainConfig:
        """The training configuration; for a fine-tuned model, its defaults."""

    @property
    def folder(self) -> Path:
        """The folder in which the model, or the base model, was found."""

    @property
    def limit(self) -> int | None:
        """The longest sequence in tokens; None if the model has no limit."""

    @property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer with the added special tokens."""

    @property
    def model(self) -> Any:
        """The `PreTrainedModel`, or a `PeftModel` around it; its weights load at the first use."""

    @property
    def trainer(self) -> Any:
        """The `PostingTrainer` of a model that was trained in this process, otherwise None."""

    def nats(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Negative log-likelihood and token count of each text, given its title and keywords."""

    def save(self, folder: str) -> None:
        """Write a plain Hugging Face model folder."""
