"""cli_generate_text.py as users run it: killed, twice at once, in two processes, on bad input."""

import csv
import json
import random
import signal
import subprocess
import sys
import time

import pytest
from conftest import ROOT, launcher, run_script

PROMPTS = [{"title": f"Cook {n}", "keywords": "soup, night shifts"} for n in range(60)]


@pytest.fixture
def command(tiny_fine_tuned, tmp_path):
    """The command line of a run that writes `name`.csv; further values of its configuration."""

    def make(name="out", **values) -> tuple[str, ...]:
        config = {
            **{"model": str(tiny_fine_tuned), "output_dir": str(tmp_path), "output_name": name},
            **{"max_length": 100, "num_return_sequences": 2, "batch_size": 4},
            **{"half_precision": False, "prompts": PROMPTS},
        } | values
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(config))
        return ("cli_generate_text.py", "-cfg", str(path))

    return make


def rows_of(path) -> list[dict]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def start(*arguments: str) -> subprocess.Popen:
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, *arguments], cwd=ROOT, **pipes)


@pytest.mark.parametrize("moments", [5, pytest.param(10, marks=pytest.mark.slow)])
def test_killed_at_random_moments(command, tmp_path, moments):
    """Then the CSV is that of a run that nothing has disturbed."""
    began = time.monotonic()
    run = run_script(*command("undisturbed"), fresh=True)  # as those that are killed
    seconds = time.monotonic() - began
    assert run.returncode == 0, run.stderr[-2000:]
    expected = (tmp_path / "undisturbed.csv").read_bytes()
    assert len(rows_of(tmp_path / "undisturbed.csv")) == 120
    out, rng, sizes = tmp_path / "out.csv", random.Random(1), []
    # Most kills fall into the writing, which begins when the first group has come.
    for _ in range(moments):
        process, size = start(*command()), sizes[-1] if sizes else 0
        deadline = time.monotonic() + 3 * seconds
        # Some come before; how many does not depend on the speed of the machine.
        early = time.monotonic() + (rng.random() * seconds if rng.random() < 0.2 else 3 * seconds)
        while time.monotonic() < deadline and process.poll() is None:
            if out.exists() and out.stat().st_size > size:
                time.sleep(rng.random() * 0.4)
                break
            if time.monotonic() > early:
                break
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        sizes.append(out.stat().st_size if out.exists() else 0)
        assert sizes == sorted(sizes)
    assert any(0 < size < len(expected) for size in sizes)
    run = run_script(*command())
    assert run.returncode == 0, run.stderr[-2000:]
    assert out.read_bytes() == expected
    again = run_script(*command())
    assert "60 of 60 prompts are in" in again.stdout
    assert "0 postings appended" in again.stdout
    assert out.read_bytes() == expected


def test_ctrl_c_says_how_to_go_on(command, tmp_path):
    process, out = start(*command()), tmp_path / "out.csv"
    while not (out.exists() and out.read_text().count("\n") > 1):  # a row beside the header
        time.sleep(0.02)
        assert process.poll() is None, process.communicate()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Traceback" not in said
    assert "postings were written. Run the same command again to continue." in said
    assert 0 < len(rows_of(out)) < 120


def test_two_runs_at_once_lose_nothing(command, tmp_path):
    """Of the same command each row is there once, of two commands all rows of both."""
    once = command()
    other = [*once, "--set", "seed=1"]
    runs = [start(*arguments) for arguments in (once, once, other)]
    said = [run.communicate() for run in runs]
    assert [run.returncode for run in runs] == [0, 0, 0], said
    rows = rows_of(tmp_path / "out.csv")
    assert len(rows) == len({row["id"] for row in rows}) == 240
    assert {row["seed"] for row in rows} == {"20220213", "1"}


def test_two_processes_share_the_prompts(command, tmp_path):
    """And their rows come in the order of the prompts, as from one process."""
    # 15 groups: the second process has one less.
    run = run_script(*launcher("--num_accelerators", "2"), *command("two", num_return_sequences=4))
    assert run.returncode == 0, run.stderr[-3000:]
    assert run.stdout.count("240 postings appended") == 1
    assert run_script(*command("one", num_return_sequences=4)).returncode == 0
    assert (tmp_path / "two.csv").read_bytes() == (tmp_path / "one.csv").read_bytes()


def test_one_title_under_the_launcher(command, tmp_path):
    run = run_script(
        *launcher("--num_accelerators", "2"), *command(), "--title", "Nurse", "--keywords", "ICU"
    )
    assert run.returncode == 0, run.stderr[-3000:]
    assert run.stdout.splitlines().count("cut off at max_length") == 1  # the end of the figures
    assert not (tmp_path / "out.csv").exists()


ODD = [
    {"title": "Cook", "keywords": ""},
    {"title": "Cook", "keywords": ""},  # the same prompt twice
    {"title": "👩‍🍳 cook", "keywords": "🍲, first aid"},
    {"title": "طباخ", "keywords": "حساء"},
    {"title": "Cook <|EOS|>", "keywords": "<|SEP|>soup"},
    {"title": "Cook", "keywords": [f"skill {n}" for n in range(200)]},
]


@pytest.mark.parametrize("guidance", ["off", "soft", "hard"])
def test_odd_prompts_give_rows(command, tmp_path, guidance):
    run = run_script(*command(prompts=ODD, guidance=guidance))
    assert run.returncode == 0, run.stderr[-2000:]
    assert 'prompt "Cook": no room for ' in run.stdout
    assert "skill 199" in run.stdout
    rows = rows_of(tmp_path / "out.csv")
    assert len(rows) == 12
    assert len({row["text"] for row in rows[:4]}) == 4
    assert rows[0]["keywords"] == ""
    assert rows[4]["title"] == "👩‍🍳 cook"
    assert rows[6]["title"] == "طباخ"
    assert (rows[8]["title"], rows[8]["keywords"]) == ("Cook < |EOS|>", "< |SEP|>soup")
    assert rows[10]["keywords"].startswith("skill 0, skill 1, ")
    if guidance == "hard":
        assert all(row["missing"] == "" for row in rows[10:])


def refused(run, *messages):
    assert run.returncode == 2, run.stderr[-2000:]
    assert len(run.stderr.splitlines()) == 1
    for message in messages:
        assert message in run.stderr


def test_bad_input(command, tmp_path):
    out = tmp_path / "out.csv"
    long = [*PROMPTS, {"title": "Head of everything " * 60, "keywords": ""}]
    refused(run_script(*command(prompts=long)), "Head of everything", "max_length is 100")
    refused(run_script(*command(prompts=[])), "prompts: there are none")
    table = tmp_path / "prompts.csv"
    refused(run_script(*command(prompts_file=str(table))), "prompts.csv", "no such file")
    table.write_text("job,keywords\nCook,soup\n")
    refused(run_script(*command(prompts_file=str(table))), 'no column "title"', "job, keywords")
    table.write_text("title,keywords\nCook,soup\n,rice\n")
    refused(run_script(*command(prompts_file=str(table))), "row 2 has no title")
    refused(run_script(*command(max_length=400)), "beyond the 128 positions")
    assert not out.exists()
    out.write_text("title,text\nCook,Soup\n")
    refused(run_script(*command()), "out.csv: exists with other columns", "another output_name")
    assert out.read_text() == "title,text\nCook,Soup\n"
    launched = run_script(*launcher("--num_accelerators", "2"), *command(prompts=[]))
    assert launched.returncode != 0
    assert launched.stderr.count("error: prompts: there are none") == 1


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_prompts_of_a_file(command, tmp_path, suffix):
    table = tmp_path / f"prompts.{suffix}"
    if suffix == "csv":
        table.write_text('title,keywords\nCook,"soup, rice"\nNurse,\n')
    else:
        rows = [{"title": "Cook", "keywords": ["soup", "rice"]}, {"title": "Nurse"}]
        table.write_text("".join(json.dumps(row) + "\n" for row in rows))
    run = run_script(*command(prompts=PROMPTS[:1], prompts_file=str(table)))
    assert run.returncode == 0, run.stderr[-2000:]
    rows = rows_of(tmp_path / "out.csv")[::2]
    prompts = [(row["title"], row["keywords"]) for row in rows]
    assert prompts == [("Cook 0", "soup, night shifts"), ("Cook", "soup, rice"), ("Nurse", "")]


@pytest.mark.slow
def test_ten_thousand_prompts_in_bounded_memory(command, tmp_path):
    """They need no more than a tenth more memory than five hundred."""
    peaks = []
    for n in (500, 10_000):
        table = tmp_path / f"prompts{n}.csv"
        lines = [f'Cook {k},"soup {k}, night shifts, rice"\n' for k in range(n)]
        table.write_text("title,keywords\n" + "".join(lines))
        settings = {"prompts": [], "prompts_file": str(table), "batch_size": 32}
        arguments = command(f"out{n}", max_length=60, num_return_sequences=1, **settings)
        script = "import resource, runpy, sys; sys.argv = sys.argv[1:]; sys.path.insert(0, '.');"
        script += "runpy.run_path(sys.argv[0], run_name='__main__');"
        script += "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
        run = run_script(sys.executable, "-c", script, *arguments)
        assert run.returncode == 0, run.stderr[-2000:]
        peaks.append(int(run.stdout.split()[-1]))
        assert len(rows_of(tmp_path / f"out{n}.csv")) == n
    print(f"peak memory: {peaks} kB")
    assert peaks[1] < 1.1 * peaks[0]
