"""From a model folder to its tokenizer and weights, and to the weights that are to be trained."""

import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from jobgen.common.distributed import is_main_process
from jobgen.common.errors import InputError
from jobgen.common.logging import logger, without_progress_bars
from jobgen.models.causality import check_causal
from jobgen.models.protocols import Tokenizer
from jobgen.models.sequence import SEP, SPECIAL_TOKENS
from jobgen.models.weights import explain_failure, load_causal_lm, read_model_config

# The number of embeddings is a multiple of this in training, since tensor cores are fastest with
# matrices of such sizes (NVIDIA, "Train with mixed precision").
VOCABULARY_MULTIPLE = 64
# Configuration keys that hold the number of positions, by architecture.
_POSITION_KEYS = ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len")
# A folder with a tokenizer has one of these files.
_VOCABULARY_FILES = ("tokenizer.json", "vocab.json", "tokenizer.model", "vocab.txt")
# Configuration keys that hold the number of transformer blocks, by architecture.
_LAYER_KEYS = ("num_hidden_layers", "n_layer", "num_layers")
# Configuration keys that hold the dropout of attention weights, by architecture.
ATTENTION_DROPOUT = ("attn_pdrop", "attention_dropout")


def positions(folder: Path) -> int | None:
    """Longest sequence of the model in tokens, from its config.json; None if it has no limit."""
    config = read_model_config(folder)
    return next((config[key] for key in _POSITION_KEYS if isinstance(config.get(key), int)), None)


def check_positions(field: str, value: int, limit: int | None, name: str) -> None:
    """Refuse a length that the model has no positions for.

    Args:
        field: the name of the option that sets the length.
        value: the length in tokens.
        limit: the model's number of positions; None if it has no limit.
        name: the name of the model.

    Raises:
        InputError: the length exceeds the limit.
    """
    if limit and value > limit:
        raise InputError(field, f"{value} given, but {name} has {limit} positions")


def load_tokenizer(folder: Path, fine_tuned: bool = False) -> Tokenizer:
    """Load a model's tokenizer and add the special tokens of our sequence.

    Args:
        folder: the model folder.
        fine_tuned: whether to refuse a tokenizer that lacks our tokens.

    Returns:
        A Hugging Face tokenizer. The added tokens follow its vocabulary in the order of
        `SPECIAL_TOKENS`; a tokenizer that has them already is not changed.

    Raises:
        InputError: the folder holds no tokenizer that can be loaded, or it lacks our tokens.
    """
    from transformers import AutoTokenizer

    if not any((folder / name).is_file() for name in _VOCABULARY_FILES):
        # transformers would silently create an empty tokenizer.
        raise InputError(
            str(folder), f"holds no tokenizer; expected one of {', '.join(_VOCABULARY_FILES)}"
        )
    with explain_failure(str(folder), "its tokenizer"):
        tokenizer: Any = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    if fine_tuned and SEP not in tokenizer.get_vocab():
        raise InputError(
            str(folder),
            f"knows no {SEP}: it is not fine-tuned on postings yet; run cli_training.py",
        )
    tokenizer.add_special_tokens(SPECIAL_TOKENS)
    tokenizer.padding_side = "left"
    return tokenizer


def load_model(
    folder: Path,
    tokenizer: Tokenizer,
    weights: str | None = None,
    pad_to: int | None = None,
    **options: Any,
) -> Any:
    """Load a causal language model and add embeddings for the tokenizer's added tokens.

    Args:
        folder: the model folder.
        tokenizer: the tokenizer with the added tokens.
        weights: a `pytorch_model.bin` of the original project, used instead of the folder's
            weights; it is read with `weights_only=True`.
        pad_to: the number of embeddings is rounded up to a multiple of this; embeddings without a
            token are never predicted.
        options: options of `from_pretrained`, such as `dtype`.

    Returns:
        A `PreTrainedModel` whose configuration and generation configuration name our tokens.

    Raises:
        InputError: the weights cannot be loaded, or the model does not write from left to right.
    """
    import torch
    from transformers import GenerationConfig
    from transformers.integrations.deepspeed import is_deepspeed_zero3_enabled

    from jobgen.models.gpt_neo import use_fast_attention

    where = weights or str(folder)
    model = load_causal_lm(folder, weights, **options)
    rows = max(len(tokenizer), model.get_input_embeddings().num_embeddings)
    model.resize_token_embeddings(rows, pad_to_multiple_of=pad_to)
    use_fast_attention(model)
    model.get_output_embeddings().register_forward_hook(partial(_mask_padding, len(tokenizer)))
    ids = {
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    model.config.update(ids)
    model.generation_config = GenerationConfig(**ids)
    if not is_deepspeed_zero3_enabled():  # its weights come together in an engine only
        check_causal(model, where)
    with explain_failure(where, "a model with our special tokens"), torch.device("meta"):
        # As it will be loaded when it is exported.
        type(model)(type(model.config).from_dict(model.config.to_dict()))
    return model


def _mask_padding(tokens: int, head: Any, inputs: tuple, logits: Any) -> None:
    """Forward hook of a head that excludes the vocabulary's padding; logits are (..., V)."""
    logits[..., tokens:] = float("-inf")


@without_progress_bars()
def save_model(
    model: Any,
    tokenizer: Tokenizer,
    folder: Path,
    save_gathered: Callable[[str], object] | None = None,
) -> None:
    """Write a plain Hugging Face model folder: safetensors, tokenizer, generation settings.

    Args:
        model: the `PreTrainedModel`.
        tokenizer: its tokenizer.
        folder: the folder, which may exist.
        save_gathered: what writes weights that ZeRO-3 has partitioned, in all processes.
    """
    from transformers.integrations.deepspeed import is_deepspeed_zero3_enabled

    if save_gathered is not None and is_deepspeed_zero3_enabled():
        save_gathered(str(folder))
    elif is_main_process():
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    if is_main_process():
        trim_vocabulary(folder, len(tokenizer))


@without_progress_bars()
def trim_vocabulary(folder: Path, tokens: int) -> None:
    """Remove the embeddings that pad the vocabulary of a saved model.

    Args:
        folder: the model folder, which is rewritten if there are such embeddings.
        tokens: the number of tokens that the tokenizer has.
    """
    from transformers import AutoConfig
    from transformers.integrations import deepspeed

    if AutoConfig.from_pretrained(folder).vocab_size <= tokens:
        return
    active = deepspeed._hf_deepspeed_config_weak_ref
    deepspeed.unset_hf_deepspeed_config()  # ZeRO-3 would partition the weights while they load
    try:
        model = load_causal_lm(folder, dtype="auto")
    finally:
        deepspeed._hf_deepspeed_config_weak_ref = active
    model.resize_token_embeddings(tokens)
    model.save_pretrained(folder)


def computes_bfloat16(device: Any) -> bool:
    """Whether a `torch.device` computes with bfloat16 in hardware instead of emulating it."""
    import torch

    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def blocks(model: Any) -> Any:
    """The transformer blocks of any causal language model, as its `ModuleList`."""
    from torch.nn import ModuleList

    n = next(getattr(model.config, key) for key in _LAYER_KEYS if hasattr(model.config, key))
    modules = model.base_model.modules()
    return next(module for module in modules if isinstance(module, ModuleList) and len(module) == n)


def unfreeze_last_n(model: Any, n: int) -> int:
    """Train only the last n blocks, the final norm, the embeddings and the head.

    The embeddings stay trainable because those of the added tokens start from noise. A model with
    fewer blocks is trained completely, with a warning.

    Args:
        model: the model, whose other weights are frozen.
        n: the number of blocks to train.

    Returns:
        The number of parameters that are trained.
    """
    stack = blocks(model)
    if n > len(stack):
        # The original project's configurations ask for 32 of GPT-Neo's 24 blocks.
        logger.warning(f"unfreeze_last_n {n} lowered to {len(stack)}, all blocks of the model")
        n = len(stack)
    model.requires_grad_(False)
    # Beside the blocks these are the embeddings and the final norm.
    outside = [module for module in model.base_model.children() if module is not stack]
    for module in [*outside, *stack[len(stack) - n :], model.get_output_embeddings()]:
        module.requires_grad_(True)
    return sum(weight.numel() for weight in model.parameters() if weight.requires_grad)


def add_adapters(model: Any, tokenizer: Tokenizer, rank: int) -> Any:
    """Freeze a model and add trainable low-rank adapters to its layers (LoRA, Hu et al. 2021).

    The embeddings of the added tokens are trained too, because they start from noise.

    Args:
        model: the `PreTrainedModel`.
        tokenizer: the tokenizer with the added tokens.
        rank: the rank of the adapters.

    Returns:
        A `PeftModel`.
    """
    from peft import LoraConfig, get_peft_model

    added = tokenizer.convert_tokens_to_ids(list(SPECIAL_TOKENS.values()))
    trained: list[int] | dict[str, list[int]] = added
    if not model.config.tie_word_embeddings:  # the head has rows of its own for the added tokens
        ends = (model.get_input_embeddings(), model.get_output_embeddings())
        names = [name for name, module in model.named_modules() if module in ends]
        trained = {name.rsplit(".", 1)[-1]: added for name in names}
    adapters = LoraConfig(
        task_type="CAUSAL_LM",
        r=rank,
        lora_alpha=2 * rank,
        target_modules="all-linear",
        trainable_token_indices=trained,
    )
    # With the name PEFT would notice that the vocabulary has grown, and save both embeddings in
    # every checkpoint. There is no need: a resumed training initializes the same embeddings again.
    model.name_or_path = ""
    with warnings.catch_warnings():  # PEFT uses names that transformers is going to remove
        warnings.simplefilter("ignore", FutureWarning)
        return get_peft_model(model, adapters)
