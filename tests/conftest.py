"""Small real parts for the tests: a GPT-2 of two layers, its tokenizer, tables of postings."""

import contextlib
import json
import os
import random
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pandas as pd
import psutil
import pytest
import torch
from safetensors.torch import load_file
from script_server import ScriptServer

from jobgen.common.logging import show_messages

ROOT = Path(__file__).parent.parent
ORIGINAL = ROOT.parent / "shared" / "data" / "original"
REAL_POSTINGS = ROOT.parent / "shared" / "data" / "postings.csv"

ZERO_2 = str(ROOT / "DS_configs/zero2_any_device.json")

needs_original = pytest.mark.skipif(
    not ORIGINAL.is_dir(), reason="the original project's files are not beside the repository"
)
needs_real_postings = pytest.mark.skipif(
    not REAL_POSTINGS.is_file(), reason="postings.csv is not beside the repository"
)

show_messages()
os.environ["HF_HUB_OFFLINE"] = "1"  # no test may depend on the network
os.environ["TOKENIZERS_PARALLELISM"] = "false"
# Two workers share the cores, and what they start is small: threads would wait for each other.
os.environ["OMP_NUM_THREADS"] = "1"


_server = ScriptServer()


@pytest.fixture(scope="session", autouse=True)
def script_server():
    """End the server of `run_script` with the tests."""
    yield
    _server.stop()


@pytest.fixture(autouse=True)
def no_script_is_left():
    """End the scripts that a failed test has left running, with the processes they started."""
    yield
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error):
            if any("cli_" in argument for argument in child.cmdline()):
                for process in [*child.children(recursive=True), child]:
                    process.kill()


def run_script(*command: str, fresh: bool = False, **options) -> subprocess.CompletedProcess:
    """Run a script of the repository in a process of its own, as a user would.

    Args:
        command: a script and its arguments, or any program.
        fresh: start Python anew, where that is the subject; otherwise a script is forked from a
            process that has imported the libraries already.
        options: of `subprocess.run`.
    """
    cwd = options.pop("cwd", ROOT)
    if not command[0].endswith(".py"):
        return subprocess.run(command, cwd=cwd, capture_output=True, text=True, **options)
    if fresh or options:
        command = (sys.executable, *command)
        return subprocess.run(command, cwd=cwd, capture_output=True, text=True, **options)
    return _server.run(list(command), cwd, dict(os.environ))


def launcher(*options: str) -> tuple[str, ...]:
    """DeepSpeed's launcher of this environment, on a port that nothing else uses."""
    program = str(Path(sys.executable).parent / "deepspeed")
    return (program, "--master_port", free_port(), *options)


def free_port() -> str:
    """A port below those that the system gives to connections, so that it stays free."""
    while True:
        port = random.SystemRandom().randrange(20_000, 30_000)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return str(port)


def postings(n: int) -> pd.DataFrame:
    """Prepared rows of different lengths, no two alike."""
    skills = ["Python", "SQL", "C++", "Linux", "welding", "night shifts", "CI/CD", "first aid"]
    rows = []
    for i in range(n):
        words = [skills[(i + k) % len(skills)] for k in range(6)]
        text = " ".join(f"You use {word} in team {i}." for word in words[: 2 + i % 5])
        rows.append({"title": f"Engineer {i}", "keywords": words, "text": text})
    return pd.DataFrame(rows)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory) -> Path:
    """Folder of a GPT-2 with random weights, 2 layers, width 16, 128 positions, own vocabulary."""
    from tokenizers import ByteLevelBPETokenizer
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast, set_seed

    folder = tmp_path_factory.mktemp("models") / "tiny"
    bpe = ByteLevelBPETokenizer()
    bpe.train_from_iterator(postings(40)["text"], vocab_size=400, special_tokens=["<|endoftext|>"])
    end = "<|endoftext|>"
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe._tokenizer, bos_token=end, eos_token=end, unk_token=end
    )
    tokenizer.save_pretrained(folder)
    set_seed(0)
    config = GPT2Config(
        vocab_size=len(tokenizer),
        n_positions=128,
        n_embd=16,
        n_layer=2,
        n_head=2,
        bos_token_id=0,
        eos_token_id=0,
    )
    GPT2LMHeadModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def no_dropout(tiny_model) -> Path:
    """The same model without dropout, of which each process draws its own."""
    folder = shutil.copytree(tiny_model, tiny_model.parent / "no_dropout")
    dropout = dict.fromkeys(("attn_pdrop", "embd_pdrop", "resid_pdrop"), 0.0)
    config = json.loads((folder / "config.json").read_text()) | dropout
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture(scope="session")
def tiny_tokenizer(tiny_model):
    from jobgen.models.loading import load_tokenizer

    return load_tokenizer(tiny_model)


@pytest.fixture(scope="session")
def tiny_fine_tuned(tiny_model, tiny_tokenizer, tmp_path_factory) -> Path:
    """A model folder such as a training leaves; the weights are random."""
    from jobgen.models.loading import load_model

    folder = tmp_path_factory.mktemp("fine_tuned")
    torch.manual_seed(0)
    load_model(tiny_model, tiny_tokenizer, dtype=torch.float32).save_pretrained(folder)
    tiny_tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_embedder(tmp_path_factory) -> Path:
    """Folder of a sentence-transformers model with random weights, for tests of anything else."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import AutoTokenizer, BertConfig, BertModel, set_seed

    from jobgen.common.config import OFFLINE_EMBEDDER
    from jobgen.models.hub import locate

    folder = tmp_path_factory.mktemp("embedders")
    tokenizer = AutoTokenizer.from_pretrained(locate(OFFLINE_EMBEDDER))
    set_seed(0)
    shape = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = BertConfig(vocab_size=len(tokenizer), intermediate_size=64, **shape)
    BertModel(config).save_pretrained(folder / "bert")
    tokenizer.save_pretrained(folder / "bert")
    layers = [Transformer(str(folder / "bert"), max_seq_length=256), Pooling(32)]
    SentenceTransformer(modules=layers).save(str(folder / "tiny"))
    return folder / "tiny"


@pytest.fixture
def tables(tmp_path) -> tuple[Path, Path]:
    """Prepared tables on disk: 14 rows to train on, 5 held out."""
    frame = postings(19)
    train, test = tmp_path / "train_1_128.pkl", tmp_path / "test_1_128.pkl"
    frame.head(14).to_pickle(train)
    frame.tail(5).to_pickle(test)
    return train, test


@pytest.fixture
def train(tiny_model, tables, tmp_path):
    """Run cli_training.py on the tiny model; further arguments as on the command line."""

    def run(name, *arguments, launcher=(), ds_config=ZERO_2, **values):
        config = {
            "train": str(tables[0]),
            "test": str(tables[1]),
            "output_dir": str(tmp_path / name),
            "model": str(tiny_model),
            "ds_config": ds_config,
            "max_length": 128,
            "epochs": 3,
            "lr": 1e-3,
            "micro_batch_size": 2,
            "logging_steps": 1,
            "half_precision": False,
        } | values
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(config))
        return run_script(*launcher, "cli_training.py", "-cfg", str(path), *arguments)

    return run


def weights(run_dir) -> dict[str, torch.Tensor]:
    return load_file(run_dir / "trained_model" / "model.safetensors")


def metrics(run_dir) -> list[dict]:
    return [json.loads(line) for line in (run_dir / "metrics.jsonl").read_text().splitlines()]


def assert_same(first, second):
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
