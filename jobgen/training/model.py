"""The weights as they are trained: all of them, the last blocks, or adapters."""

from pathlib import Path
from typing import Any

import torch
from transformers import set_seed

from jobgen.common.config import TrainConfig
from jobgen.models.loading import (
    VOCABULARY_MULTIPLE,
    add_adapters,
    load_model,
    unfreeze_last_n,
)
from jobgen.training.arguments import loads_bfloat16


def load_trainable_model(
    folder: Path, tokenizer: Any, config: TrainConfig, weights: str | None
) -> Any:
    """Load a model, and freeze what the configuration does not train.

    Under ZeRO-3 the training arguments must exist before: weights are partitioned while they load.

    Args:
        folder: of the base model.
        tokenizer: with the added tokens.
        config: of the training.
        weights: a `pytorch_model.bin` to use instead of the folder's weights.

    Returns:
        A `PreTrainedModel`, or with lora_rank a `PeftModel`.
    """
    set_seed(config.seed)  # decides the embeddings of the added tokens
    # PEFT computes the logits itself, and would predict the rows that pad the vocabulary.
    pad_to = VOCABULARY_MULTIPLE if config.lora_rank is None else None
    dtype = torch.bfloat16 if loads_bfloat16(config) else torch.float32
    model = load_model(folder, tokenizer, weights, pad_to, dtype=dtype)
    if config.unfreeze_last_n is not None:
        unfreeze_last_n(model, config.unfreeze_last_n)
    if config.lora_rank is not None:
        model = add_adapters(model, tokenizer, config.lora_rank)
    return model
