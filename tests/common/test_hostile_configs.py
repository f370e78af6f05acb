"""Whatever a configuration holds, the answer is a configuration or one message."""

import json
import os
import stat
import time
from collections.abc import Callable

import pytest
from conftest import ROOT, run_script
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobgen.common.config import EvaluateConfig, GenerateConfig, PrepareConfig, TrainConfig
from jobgen.common.config_loader import load_config
from jobgen.common.errors import InputError
from jobgen.common.files import read_json

CASES = ROOT.parent / "shared" / "cases" / "trust"
KINDS = {
    "cli_prepare_data.py": (PrepareConfig, "prepare_configs/sample.json"),
    "cli_training.py": (TrainConfig, "train_configs/offline_default.json"),
    "cli_generate_text.py": (GenerateConfig, "generate_configs/offline_default.json"),
    "cli_evaluate.py": (EvaluateConfig, "evaluate_configs/offline_default.json"),
}
# A nightly run may ask for more.
EXAMPLES = int(os.environ.get("JOBGEN_EXAMPLES", "1000"))

hostile_texts = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        [
            *("", " ", ".", "..", "/", "../../etc/passwd", "a/" * 3000, "x" * 300, "\0", "a\0b"),
            *("\ud800", "pip:", "pip:..", "pip:os", "none", "-1", "1e999", "nan", "1e30", "true"),
            *(
                "cuda:999",
                "cuda:-1",
                "cuda:99999999999",
                "~",
                "~root",
                "file://x",
                "\u202e",
                "é" * 200,
            ),
            *("/root/x", "/dev/null", "/proc/self/mem", "con", "9" * 5000, "%s%n", "{}", "$HOME"),
        ]
    ),
)
hostile_values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.sampled_from([0, -1, 2**31, 2**63, 2**64, 10**30, 10**400, 1e308, 1e-320, -0.0, 0.1]),
        st.floats(allow_nan=True, allow_infinity=True),
        hostile_texts,
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(hostile_texts, inner, max_size=3)
    ),
    max_leaves=6,
)


@st.composite
def hostile_files(draw, script: str, content: dict) -> bytes:
    """A configuration with values, keys or bytes replaced."""
    model, content = KINDS[script][0], dict(content)
    for _ in range(draw(st.integers(1, 3))):
        name = draw(st.one_of(st.sampled_from(sorted(model.model_fields)), hostile_texts))
        content[name] = draw(hostile_values)
    text = json.dumps(content).encode()
    if draw(st.integers(0, 3)) == 0:
        at = draw(st.integers(0, len(text)))
        cut = draw(st.integers(0, 8))
        text = text[:at] + draw(st.binary(max_size=8)) + text[at + cut :]
    return text


def try_many(examples: int, script: str, content: dict, try_one: Callable[[bytes], None]) -> None:
    """Call a test with mutated configurations, always the same ones."""
    fixed = {"derandomize": True, "database": None, "deadline": None}
    checks = list(HealthCheck)
    settings(max_examples=examples, suppress_health_check=checks, **fixed)(
        given(hostile_files(script, content))(try_one)
    )()


@pytest.mark.parametrize("script", KINDS)
def test_mutated_configurations(script, tmp_path, monkeypatch):
    model, path = KINDS[script][0], tmp_path / "config.json"
    refused = []

    def try_one(content: bytes) -> None:
        path.write_bytes(content)
        try:
            config, notes = load_config(str(path), model)
            config.model_dump_json()
            "\n".join(notes).encode()
        except InputError as error:
            str(error).encode()
            refused.append(str(error))

    monkeypatch.chdir(ROOT)  # the shipped files name others by relative paths
    shipped = json.loads((ROOT / KINDS[script][1]).read_text())
    try_many(EXAMPLES // len(KINDS), script, shipped, try_one)
    assert len(refused) > EXAMPLES // len(KINDS) // 3


@pytest.mark.parametrize("script", KINDS)
def test_mutated_configurations_through_the_scripts(
    script, tmp_path, tiny_model, tiny_fine_tuned, tables, monkeypatch
):
    """A training is only checked; preparations and evaluations that would begin are left out."""
    model, path, statuses = KINDS[script][0], tmp_path / "config.json", []
    train, test, output = *map(str, tables), str(tmp_path / "output")
    bases = {
        "cli_prepare_data.py": {"source": train, "output_dir": output},
        "cli_training.py": {"train": train, "test": test, "model": str(tiny_model)}
        | {"max_length": 128, "output_dir": output},
        "cli_generate_text.py": {"model": str(tiny_fine_tuned), "output_dir": output}
        | {"max_length": 40, "prompts": [{"title": "Cook", "keywords": "soup, bread"}]},
        "cli_evaluate.py": {"sets": {"a": test}, "real": test, "output_dir": output},
    }

    def try_one(content: bytes) -> None:
        path.write_bytes(content)
        try:
            config = load_config(str(path), model)[0]
            if script in ("cli_prepare_data.py", "cli_evaluate.py"):
                return
            if (
                script == "cli_generate_text.py"
                and max(
                    config.num_return_sequences, config.num_candidates or 0, len(config.prompts)
                )
                > 4
            ):
                return
        except InputError:
            pass
        flags = ["--dry-run"] if script == "cli_training.py" else []
        done = run_script(str(ROOT / script), "-cfg", str(path), *flags, cwd=tmp_path)
        assert done.returncode in (0, 2), done.stderr[-3000:]
        assert "Traceback" not in done.stderr
        assert done.returncode == 0 or done.stderr.count("error: ") == 1
        statuses.append(done.returncode)

    monkeypatch.chdir(tmp_path)
    try_many(EXAMPLES // 20 // len(KINDS), script, bases[script], try_one)
    assert 2 in statuses


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b'\xef\xbb\xbf{"epocs": 1}', 'unknown key; did you mean "epochs"?'),
        (
            b'{"epochs": 1,\n "lr": 1,\n\n "epochs": 3}',
            '"epochs" is given twice, in line 1 and line 4',
        ),
        (b'{"prompts": [{"a": "\\"b\\": 1", "b": 1}]}', "unknown key"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"lr": ' + b"[" * 900 + b"]" * 900 + b"}", "nested too deeply: expected at most 20"),
        (b'{"seed": ' + b"9" * 5000 + b"}", "invalid JSON: Exceeds the limit"),
        (b'{"\\ud800": 1}', r'the key "\ud800" holds half of a character'),
        (b'{"model": "a\\u0000b"}', "model            holds a NUL character"),
        (b'{"epochs": 1e308}', "expected number > 0 and <= 10000"),
        (b'{"micro_batch_size": 1e30}', "expected whole number >= 1 and <= 65536"),
        (b'{"lora_rank": 1000000000}', "<= 4096"),
        (b'{"train": "' + b"x" * 300 + b'"}', "File name too long"),
    ],
)
def test_one_message(tmp_path, text, problem):
    path = tmp_path / "config.json"
    path.write_bytes(text)
    with pytest.raises(InputError) as error:
        load_config(str(path), TrainConfig)
    assert problem in str(error.value)
    assert len(str(error.value)) < 2000


def test_a_large_configuration_is_read_in_linear_time(tmp_path):
    path = tmp_path / "config.json"
    prompts = [{"title": f"Cook {n}", "keywords": "soup"} for n in range(40_000)]
    path.write_text(json.dumps({"model": "x", "prompts": prompts}, indent=1))
    start = time.process_time()
    read_json(str(path), unique_keys=True)
    assert time.process_time() - start < 5  # 0.7 on an idle machine


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "a\\b", "é" * 101])
def test_an_output_name_stays_in_its_folder(tmp_path, name):
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"model": "x", "output_name": name}))
    with pytest.raises(InputError, match="output_name = .*expected"):
        load_config(str(path), GenerateConfig)


@pytest.mark.skipif(not CASES.is_dir(), reason="the cases are not beside the repository")
@pytest.mark.parametrize("script", KINDS)
def test_cases_that_were_tracebacks(script):
    for case in sorted(CASES.glob("*.json")):
        done = run_script(script, "-cfg", str(case))
        assert done.returncode == 2, case
        assert done.stderr.startswith("error: "), case
        assert "Traceback" not in done.stderr


def test_a_folder_that_may_not_be_entered(tmp_path):
    """As another user than root, who may enter any."""
    folder = tmp_path / "closed"
    folder.mkdir()
    (folder / "t.pkl").touch()
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"train": str(folder / "t.pkl"), "model": str(folder / "m")}))
    folder.chmod(0)
    try:
        for part in (tmp_path, *tmp_path.parents[:3]):
            part.chmod(part.stat().st_mode | stat.S_IXOTH | stat.S_IROTH)
        child = os.fork()
        if child == 0:
            status = 1
            try:
                if os.getuid() == 0:
                    os.setuid(65534)
                load_config(str(config), TrainConfig)
            except InputError as error:
                status = 0 if "Permission denied" in str(error) else 2
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    finally:
        folder.chmod(0o700)
