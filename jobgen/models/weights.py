"""The weights of a model: all of them, or a message that names what is missing."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jobgen.common.errors import InputError
from jobgen.common.files import read_json
from jobgen.common.logging import without_progress_bars

# What wrappers put before the names of weights: distributed training, torch.compile, FSDP.
_WRAPPERS = re.compile(r"^((module|_orig_mod|_fsdp_wrapped_module)\.)+")
# Buffers that older versions of transformers saved with the weights; they are computed today.
_OLD_BUFFERS = re.compile(r"\.(attn|attention)\.(masked_)?bias$|\.inv_freq$")


@contextmanager
def explain_failure(where: str, what: str) -> Iterator[None]:
    """Turn whatever a library raises while it reads a model into one message.

    Args:
        where: the file or folder that is read.
        what: what is loaded from it, for the message.

    Raises:
        InputError: it cannot be loaded.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # a damaged file can make a library raise anything
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise InputError(where, f"{what} cannot be loaded: {reason}") from None


def read_model_config(folder: Path) -> dict[str, Any]:
    """The content of a model folder's config.json.

    Raises:
        InputError: it is missing, no JSON, or no description of a model.
    """
    path = str(folder / "config.json")
    config = read_json(path)
    if not isinstance(config, dict) or not isinstance(config.get("model_type"), str):
        raise InputError(path, 'describes no model: expected an object with "model_type"')
    return config


@without_progress_bars()
def load_causal_lm(folder: Path, weights: str | None = None, **options: Any) -> Any:
    """Load a causal language model with all of its weights.

    transformers replaces weights that it does not find by random ones.

    Args:
        folder: the model folder.
        weights: a file with the state dict of such a model, used instead of the folder's weights.
            Its number of embeddings may differ.
        options: options of `from_pretrained`, such as `dtype`.

    Returns:
        A `PreTrainedModel`.

    Raises:
        InputError: the model cannot be loaded, or a weight is missing, of another shape, or
            belongs to another model.
    """
    from transformers import AutoModelForCausalLM

    options |= {
        "trust_remote_code": False,
        "ignore_mismatched_sizes": True,  # they are named below
        "output_loading_info": True,
    }
    where = weights or str(folder)
    loaded: Any
    with explain_failure(where, "its weights"):
        if weights is None:
            loaded = AutoModelForCausalLM.from_pretrained(folder, **options)
        else:
            loaded = _load_state_dict(folder, weights, options)
    model, found = loaded
    problems = _problems(found)
    if problems:
        raise InputError(where, problems)
    return model


def check_encoder(folder: Path) -> None:
    """Refuse the folder of an encoder that lacks weights, as `load_causal_lm` does.

    Weights of a pooler may be missing, since texts are embedded without it, and those of a head may
    be there.

    Raises:
        InputError: the encoder cannot be loaded, or a weight is missing or of another shape.
    """
    from transformers import AutoModel

    options = {"ignore_mismatched_sizes": True, "output_loading_info": True}
    with without_progress_bars(), explain_failure(str(folder), "its weights"):
        loaded: Any = AutoModel.from_pretrained(folder, trust_remote_code=False, **options)
    found = loaded[1] | {"unexpected_keys": []}
    found["missing_keys"] = [name for name in found["missing_keys"] if "pooler." not in name]
    if problems := _problems(found):
        raise InputError(str(folder), problems)


def _load_state_dict(folder: Path, weights: str, options: dict[str, Any]) -> Any:
    """Load a model of the folder's architecture with the weights of a state dict."""
    import torch
    from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, AutoConfig

    try:
        state = torch.load(weights, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:
        raise InputError(weights, f"not a file of weights alone ({type(error).__name__})") from None
    if not isinstance(state, dict):
        raise InputError(weights, f"holds a {type(state).__name__}, not a dictionary of weights")
    others = [str(name) for name, value in state.items() if not isinstance(value, torch.Tensor)]
    if others:
        raise InputError(weights, f"not weights alone: {_shorten(others)}")
    state = {_WRAPPERS.sub("", name): tensor for name, tensor in state.items()}
    config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    architecture: Any = MODEL_FOR_CAUSAL_LM_MAPPING[type(config)]
    # The embeddings tell how many tokens the vocabulary had in that training.
    with torch.device("meta"):
        empty = architecture(config)
    name = next(
        name for name, module in empty.named_modules() if module is empty.get_input_embeddings()
    )
    for key, tensor in state.items():
        if f".{key}".endswith(f".{name.removeprefix(empty.base_model_prefix + '.')}.weight"):
            config.vocab_size = len(tensor)
    return architecture.from_pretrained(None, config=config, state_dict=state, **options)


def _problems(found: dict[str, Any]) -> list[str]:
    """What transformers reports of the weights that it loaded, a line for each kind of problem."""
    problems = []
    unexpected = [name for name in found["unexpected_keys"] if not _OLD_BUFFERS.search(name)]
    if found["missing_keys"]:
        problems.append(f"its weights lack {_shorten(found['missing_keys'])}")
    if unexpected:
        problems.append(f"its weights are of another model: {_shorten(unexpected)}")
    for name, given, expected in sorted(found["mismatched_keys"])[:10]:
        problems.append(
            f"its weight {name} has the shape {tuple(given)}, expected {tuple(expected)}"
        )
    return [*problems, *found["error_msgs"]]


def _shorten(names: list[str]) -> str:
    """Names, those that differ only in the number of their block as one: `h.*.ln_1.bias (12)`."""
    kinds: dict[str, list[str]] = {}
    for name in names:
        kinds.setdefault(re.sub(r"(?<=\.)\d+(?=\.)", "*", name), []).append(name)
    shown = [same[0] if len(same) == 1 else f"{kind} ({len(same)})" for kind, same in kinds.items()]
    return ", ".join(sorted(shown))
