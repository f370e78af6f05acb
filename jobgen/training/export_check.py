"""Compare an exported model with the trained one, in a fresh process.

The process knows nothing of the training: what it reads is what everybody else will read. It
imports no DeepSpeed and no Trainer, and it is a session of its own, so that Ctrl-C reaches the
training alone.
"""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import jobgen
from jobgen.models.weights import load_causal_lm


@dataclass
class Probe:
    """What a model says to some tokens.

    Attributes:
        ids: (1, T), the tokens.
        logits: (1, T, V), float32.
        added: its added tokens and their ids.
        tolerance: the largest difference that is accepted, as a share of the largest logit.
    """

    ids: np.ndarray
    logits: np.ndarray
    added: dict[str, int]
    tolerance: float


def check_in_fresh_process(folder: Path, probe: Probe) -> list[str]:
    """`find_export_errors` in a process of its own.

    Raises:
        RuntimeError: the process failed.
    """
    with tempfile.TemporaryDirectory() as place:
        arrays, rest = Path(place, "probe.npz"), Path(place, "probe.json")
        np.savez(arrays, ids=probe.ids, logits=probe.logits)
        rest.write_text(json.dumps({"added": probe.added, "tolerance": probe.tolerance}))
        packages = os.pathsep.join([str(Path(jobgen.__file__).parents[1]), *sys.path])
        checked = subprocess.run(
            [sys.executable, "-m", __name__, str(folder), str(arrays), str(rest)],
            env=os.environ | {"PYTHONPATH": packages},
            capture_output=True,
            text=True,
            start_new_session=True,
        )
    if checked.returncode:
        last = checked.stderr.strip().splitlines()[-1:] or [f"status {checked.returncode}"]
        raise RuntimeError(f"{folder} could not be read by a fresh process: {last[0]}")
    return json.loads(checked.stdout.splitlines()[-1])


def find_export_errors(folder: Path, probe: Probe) -> list[str]:
    """Compare an exported model with the trained one.

    Args:
        folder: the folder of the exported model.
        probe: of the trained model.

    Returns:
        The problems of the exported model; empty if it is the trained one.
    """
    import torch
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = load_causal_lm(folder, dtype=torch.float32).eval()
    empty = [name for name, tensor in model.named_parameters() if not tensor.numel()]
    problems = [f"{name} is empty" for name in empty]
    rows = model.get_input_embeddings().num_embeddings
    if rows != len(tokenizer):
        problems.append(f"it embeds {rows} tokens, but the tokenizer has {len(tokenizer)}")
        return problems
    if tokenizer.get_added_vocab() != probe.added:
        problems.append(f"its added tokens are {tokenizer.get_added_vocab()}, not {probe.added}")
    with torch.no_grad():
        logits = model(input_ids=torch.from_numpy(probe.ids)).logits.numpy()
    difference = np.abs(logits - probe.logits).max() / np.abs(probe.logits).max()
    if not difference <= probe.tolerance:
        problems.append(f"its logits differ by {difference:.2g} of the largest")
    return problems


def main() -> None:
    """Print the problems as a JSON list."""
    folder, arrays, rest = map(Path, sys.argv[1:])
    with np.load(arrays) as parts:
        probe = Probe(parts["ids"], parts["logits"], **json.loads(rest.read_text()))
    print(json.dumps(find_export_errors(folder, probe)))


if __name__ == "__main__":
    main()
