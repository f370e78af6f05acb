"""Export a fine-tuned model folder as one GGUF file, which llama.cpp can run.

python -m jobgen.models.gguf runs/my_run/trained_model --type q8_0
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from gguf import GGML_QUANT_VERSION, GGUFWriter, LlamaFileType, TokenType, get_tensor_name_map
from gguf.constants import MODEL_ARCH, GGMLQuantizationType
from gguf.quants import QuantError, quantize

from jobgen.common.cli import run
from jobgen.common.errors import InputError
from jobgen.common.files import check_writable, write_whole
from jobgen.common.logging import logger
from jobgen.models.loading import load_tokenizer
from jobgen.models.sequence import SPECIAL_TOKENS, never_written
from jobgen.models.weights import explain_failure, load_causal_lm

F32, F16, Q8_0, Q4_1 = (GGMLQuantizationType[name] for name in ("F32", "F16", "Q8_0", "Q4_1"))
# The types of matrices, of embeddings, and of the whole file. The embeddings are also the head,
# which suffers most from 4 bits; llama.cpp's own conversion stores them with more bits too.
KINDS = {
    "f32": (F32, F32, LlamaFileType.ALL_F32),
    "f16": (F16, F16, LlamaFileType.MOSTLY_F16),
    "q8_0": (Q8_0, Q8_0, LlamaFileType.MOSTLY_Q8_0),
    "q4_1": (Q4_1, Q8_0, LlamaFileType.MOSTLY_Q4_1),
}
# What llama.cpp computes for an architecture, regardless of the model's configuration.
_COMPUTED: dict[str, dict[str, Any]] = {
    "gpt2": {"activation_function": "gelu_new", "scale_attn_by_inverse_layer_idx": False},
    "llama": {"hidden_act": "silu", "rope_type": "default"},
}
# llama.cpp's names for the ways in which tokenizers split text before they merge. They depend on
# the tokenizer, not on the model: a SmolLM2 converted from GGUF has lost the step for digits.
_BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}
_DIGITS = {"type": "Digits", "individual_digits": True}
_PRE_TOKENIZERS = {"gpt-2": [_BYTE_LEVEL], "smollm": [_DIGITS, _BYTE_LEVEL]}
_EMBEDDINGS = ("token_embd.weight", "output.weight")


def main() -> None:
    """Write the GGUF file of a model folder into that folder."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", metavar="MODEL_FOLDER", type=Path, help="what a training left")
    parser.add_argument("--type", dest="kind", default="q8_0", help=", ".join(KINDS))
    arguments = parser.parse_args()
    path = _gguf_path(arguments.folder, arguments.kind)
    export_gguf(arguments.folder, path, arguments.kind)
    logger.info(f"{path}: {path.stat().st_size / 2**20:.1f} MiB")


def gguf_of(folder: Path, kind: str) -> Path:
    """Return the GGUF file of a model folder; write it if it is missing or older than the model.

    Args:
        folder: the model folder.
        kind: the type of the matrices, see `export_gguf`.

    Returns:
        The path of `model.<kind>.gguf`.

    Raises:
        InputError: the model cannot be exported, see `export_gguf`.
    """
    path = _gguf_path(folder, kind)
    files = [file for file in folder.iterdir() if file.suffix in (".safetensors", ".bin", ".json")]
    changed = max(file.stat().st_mtime for file in files)

    def is_current() -> bool:
        return path.is_file() and path.stat().st_mtime >= changed

    if not is_current():
        check_writable(str(folder))
        with FileLock(path.with_name(f".{path.name}.lock")):
            if not is_current():  # another process may have written it meanwhile
                logger.info(f"writing {path} (once)")
                export_gguf(folder, path, kind)
    return path


def export_gguf(folder: Path, path: Path, kind: str) -> None:
    """Write a fine-tuned GPT-2 or Llama, its tokenizer included, as a GGUF file.

    Embeddings that belong to no token are never predicted, and are left out.

    Args:
        folder: the model folder, whose tokenizer has our special tokens.
        path: the GGUF file to write.
        kind: the type of the matrices: "f32", "f16", "q8_0" or "q4_1". Vectors and position
            embeddings stay f32, and matrices whose rows cannot be divided into blocks of 32 numbers
            become f16.

    Raises:
        InputError: the folder is missing or corrupted, its model is of another architecture, or
            the file cannot be written; no partial file is left.
    """
    from transformers import AutoConfig

    _gguf_path(folder, kind)  # checks both
    with explain_failure(str(folder), "its config.json"):
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    _check_computed(config, folder)
    tokenizer = load_tokenizer(folder, fine_tuned=True)
    writer = GGUFWriter(None, config.model_type)
    writer.add_file_type(KINDS[kind][-1])
    writer.add_quantization_version(GGML_QUANT_VERSION)
    _add_config(writer, config)
    n_tokens = _add_tokenizer(writer, tokenizer, folder)
    model = load_causal_lm(folder, dtype="float32")
    if config.vocab_size < n_tokens:
        problem = f"it embeds {config.vocab_size} tokens, and the tokenizer has {n_tokens}"
        raise InputError(str(folder), problem)
    for name, tensor in _tensors(model, n_tokens):
        numbers, stored = _encode(name, tensor, kind)
        writer.add_tensor(name, numbers, raw_dtype=stored)

    def write(partial: Path) -> None:
        try:
            writer.write_header_to_file(partial)
            writer.write_kv_data_to_file()
            writer.write_tensors_to_file()
        finally:
            writer.close()

    write_whole(path, write)


def _gguf_path(folder: Path, kind: str) -> Path:
    """The path of a model folder's GGUF file.

    Raises:
        InputError: there is no such type, or the folder holds no model.
    """
    if kind not in KINDS:
        raise InputError("type", f'"{kind}" given; expected one of {", ".join(KINDS)}')
    if not (folder / "config.json").is_file():
        problem = "holds no model: config.json is missing; cli_training.py writes model folders"
        raise InputError(str(folder), problem)
    return folder / f"model.{kind}.gguf"


def _check_computed(config: Any, folder: Path) -> None:
    """Refuse a model that llama.cpp would compute in another way than transformers."""
    if config.model_type not in _COMPUTED:
        problem = f'"{config.model_type}" cannot be exported; expected {" or ".join(_COMPUTED)}'
        raise InputError(str(folder), f"architecture {problem}")
    settings = config.to_dict() | (getattr(config, "rope_parameters", None) or {})
    problems = [
        f"{name} {json.dumps(settings[name])} cannot be exported; expected {json.dumps(value)}"
        for name, value in _COMPUTED[config.model_type].items()
        if settings[name] != value
    ]
    if problems:
        raise InputError(str(folder / "config.json"), problems)


def _add_config(writer: GGUFWriter, config: Any) -> None:
    """Describe the model's architecture and sizes."""
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_head_count(config.num_attention_heads)
    if config.model_type == "gpt2":
        writer.add_feed_forward_length(config.n_inner or 4 * config.hidden_size)
        writer.add_layer_norm_eps(config.layer_norm_epsilon)
        return
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(config.head_dim)
    writer.add_value_length(config.head_dim)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])


def _add_tokenizer(writer: GGUFWriter, tokenizer: Any, folder: Path) -> int:
    """Describe the tokenizer, and return its number of tokens."""
    # What transformers really does; the files of a folder can describe it in several ways.
    backend = json.loads(tokenizer.backend_tokenizer.to_str()) if tokenizer.is_fast else {}
    pre = _pre_tokenizer(backend)
    if pre is None:
        problem = "its tokenizer cannot be exported; expected one like that of GPT-2 or SmolLM2"
        raise InputError(str(folder), problem)
    ids = range(max(tokenizer.get_vocab().values()) + 1)
    tokens = tokenizer.convert_ids_to_tokens(list(ids))
    types = [TokenType.UNUSED if token is None else TokenType.NORMAL for token in tokens]
    for i, token in tokenizer.added_tokens_decoder.items():
        types[i] = TokenType.CONTROL if token.special else TokenType.USER_DEFINED
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list([token or f"[PAD{i}]" for i, token in enumerate(tokens)])
    writer.add_token_types(types)
    writer.add_token_merges([" ".join(pair) for pair in backend["model"]["merges"]])
    for name in SPECIAL_TOKENS:  # bos_token and so on
        getattr(writer, f"add_{name}_id")(getattr(tokenizer, f"{name}_id"))
    writer.add_add_bos_token(False)  # the rendered prompt contains it
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(False)
    # As in our own decoding: the end token is the only special token that a model may generate.
    writer.add_array("tokenizer.ggml.suppress_tokens", never_written(tokenizer, len(ids)))
    return len(ids)


def _pre_tokenizer(backend: dict[str, Any]) -> str | None:
    """llama.cpp's name for the way in which a tokenizer splits text; None if it has none.

    Args:
        backend: the tokenizer as the JSON of the library `tokenizers`.
    """
    bpe, splitter = backend.get("model", {}), backend.get("pre_tokenizer") or {}
    if bpe.get("type") != "BPE" or bpe.get("ignore_merges") or backend["normalizer"]:
        return None
    steps = [dict(step) for step in splitter.get("pretokenizers", [splitter])]
    for step in steps:
        step.pop("trim_offsets", None)  # it has no effect on token ids
    return next((name for name, known in _PRE_TOKENIZERS.items() if known == steps), None)


def _tensors(model: Any, n_tokens: int) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the weights under llama.cpp's names, in float32, of shape (out, in) or (n,)."""
    config = model.config
    names = get_tensor_name_map(MODEL_ARCH[config.model_type.upper()], config.num_hidden_layers)
    for parameter_name, parameter in model.named_parameters():  # a tied head is not among them
        name = names.get_name(parameter_name, try_suffixes=(".weight", ".bias"))
        assert name is not None, parameter_name
        tensor = parameter.detach().numpy()
        if name in _EMBEDDINGS:
            tensor = tensor[:n_tokens]
        elif config.model_type == "gpt2" and name.startswith("blk.") and tensor.ndim == 2:
            tensor = tensor.T  # GPT-2's matrices are (in, out)
        elif ".attn_q." in name:
            tensor = _interleave(tensor, config.num_attention_heads)
        elif ".attn_k." in name:
            tensor = _interleave(tensor, config.num_key_value_heads)
        yield name, np.ascontiguousarray(tensor)


def _interleave(tensor: np.ndarray, heads: int) -> np.ndarray:
    """Reorder the rows of queries or keys, (heads * width, ...), for rotary position embeddings.

    transformers rotates row i of a head together with row i + width / 2, llama.cpp rotates two
    neighboring rows.
    """
    halves = tensor.reshape(heads, 2, -1, *tensor.shape[1:])
    return halves.swapaxes(1, 2).reshape(tensor.shape)


def _encode(name: str, tensor: np.ndarray, kind: str) -> tuple[np.ndarray, GGMLQuantizationType]:
    """Quantize a tensor; returns it with the type in which it is stored."""
    matrices, embeddings, _ = KINDS[kind]
    stored = embeddings if name in _EMBEDDINGS else matrices
    if tensor.ndim == 1 or name == "position_embd.weight":
        stored = F32
    try:
        return quantize(tensor, stored), stored
    except QuantError:  # its rows cannot be divided into blocks
        return quantize(tensor, F16), F16


if __name__ == "__main__":
    run(main)
