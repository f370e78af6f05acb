"""The documentation: tables are up to date, links lead somewhere, commands would run."""

import importlib.util
import re
import shlex
import sys
from pathlib import Path

import pytest
from conftest import ROOT

from jobgen.common.config import EvaluateConfig, GenerateConfig, PrepareConfig, TrainConfig
from jobgen.common.config_loader import load_config
from jobgen.common.errors import InputError
from jobgen.common.option_tables import PAGE, fill_tables

GUIDES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
# These two keep the commands and option names of their time.
RECORDS = [ROOT / "CHANGELOG.md", ROOT / "EXPERIMENTS.md"]

FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
SPAN = re.compile(r"`([^`]+)`")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
# What is written by the scripts is not in the repository.
NAMED = re.compile(
    r"((jobgen|tests|benchmarks|notebooks|docs|\w+_configs)/[\w./*-]*|[\w*]+\.(py|sh))"
)
# A file that the reader is to write, or a command that is not shown whole.
PLACEHOLDER = re.compile(r"\bmy_|[A-Z]{4,}\.json|\.\.\.|^X$")


# Links


def prose(markdown: str) -> str:
    """A page without its code blocks."""
    return FENCE.sub("", markdown)


def anchors(markdown: str) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    names: dict[str, int] = {}
    found = set()
    for heading in re.findall(r"^#+ +(.+?) *$", prose(markdown), re.MULTILINE):
        name = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        count = names.get(name, 0)
        names[name] = count + 1
        found.add(f"{name}-{count}" if count else name)
    return found


def dead_links(page: Path, markdown: str) -> list[str]:
    """The relative links of a page that lead to no file or no heading."""
    dead = []
    for link in LINK.findall(SPAN.sub("", prose(markdown))):
        if re.match(r"\w+:", link):  # of the web, which a test does not visit
            continue
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        if not target.exists():
            dead.append(f"{link}: no such file")
        elif anchor:
            text = target.read_text(encoding="utf-8") if name else markdown
            if anchor not in anchors(text):
                dead.append(f"{link}: no such heading")
    return dead


@pytest.mark.parametrize("page", [*GUIDES, *RECORDS], ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    assert dead_links(page, page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("link", "problem"),
    [
        ("[a](docs/none.md)", "docs/none.md: no such file"),
        ("[a](#none)", "#none: no such heading"),
        ("[a](CONTRIBUTING.md#none)", "CONTRIBUTING.md#none: no such heading"),
        ("```\n# Code\n```\n[a](#code)", "#code: no such heading"),
    ],
)
def test_dead_links_are_found(link, problem):
    assert dead_links(ROOT / "README.md", f"# Title\n\n{link}\n") == [problem]


def test_anchors_are_those_of_github():
    page = "# The `x_y` of a.b, 2 %\n## Twice\n## Twice\n"
    assert anchors(page) == {"the-x_y-of-ab-2-", "twice", "twice-1"}
    assert dead_links(ROOT / "README.md", f"{page}[a](#twice-1) [b](LICENSE) [c](http://x.y)") == []


def test_every_page_is_linked_from_the_readme():
    links = set(LINK.findall((ROOT / "README.md").read_text(encoding="utf-8")))
    pages = {f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")}
    assert len(pages) >= 10
    assert pages - {link.partition("#")[0] for link in links} == set()


# Files and commands


def missing_files(markdown: str) -> list[str]:
    """The files and folders that a page names in code spans and the repository lacks."""
    names = [span for span in SPAN.findall(prose(markdown)) if NAMED.fullmatch(span)]
    names = [name for name in names if not PLACEHOLDER.search(name)]
    return sorted({name for name in names if not any(ROOT.glob(name.rstrip("/")))})


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.name)
def test_named_files_exist(page):
    assert missing_files(page.read_text(encoding="utf-8")) == []


def test_missing_files_are_found():
    page = (
        "`jobgen/data/` `jobgen/data/none.py` `cli_*.py` `train_configs/my_jobs.json` `none.json`"
    )
    assert missing_files(page) == ["jobgen/data/none.py"]


def commands(markdown: str) -> list[str]:
    """The shell commands of a page: lines of its code blocks, and its code spans."""
    lines = []
    for language, code in FENCE.findall(markdown):
        if language in ("", "bash", "sh", "console"):
            lines += code.replace("\\\n", " ").splitlines()
    lines += [" ".join(span.split()) for span in SPAN.findall(prose(markdown))]
    return [part.strip() for line in lines for part in line.split("&&")]


def problems(command: str) -> list[str] | None:
    """What is wrong with a command; None: it runs nothing of this repository."""
    try:
        words = shlex.split(command.removeprefix("$ "), comments=True)
    except ValueError:  # a quotation mark that is prose
        return None
    program, rest = (Path(words[0]).name, words[1:]) if words else ("", [])
    if program == "make" and rest:
        return _make_problems(rest)
    if program == "deepspeed" and rest:
        return _launcher_problems(rest)
    if program == "--set" and rest:
        key = rest[0].partition("=")[0]
        options = {name for model in MODELS for name in model.model_fields} | {"key"}
        return [] if key in options else [f"--set {key}: no such option"]
    if program in ("python", "python3") and rest:
        return _python_problems(rest)
    if program in ("pip", "pytest"):
        files = [word for word in rest if word.endswith((".txt", ".py"))]
        return [f"{name}: no such file" for name in files if not (ROOT / name).is_file()]
    return None


MODELS = (PrepareConfig, TrainConfig, GenerateConfig, EvaluateConfig)


def _make_problems(words: list[str]) -> list[str]:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^([^\s:#=.][^\s:=]*):(?!=)", makefile, re.MULTILINE)
    targets = {target.replace("$(VENV)", ".venv") for target in targets}
    wrong = []
    for word in words:
        name, equals, _ = word.partition("=")
        if equals and f"$({name})" not in makefile:
            wrong.append(f"{name}: no variable of the Makefile")
        if not equals and word not in targets:
            wrong.append(f"{word}: no target of the Makefile")
    return wrong


def _launcher_problems(words: list[str]) -> list[str] | None:
    start = next((i for i, word in enumerate(words) if word.endswith(".py")), None)
    before, script = words[:start], words[start:] if start is not None else []
    package = Path(importlib.util.find_spec("deepspeed").origin).parent
    source = (package / "launcher" / "runner.py").read_text(encoding="utf-8")
    flags = [word for word in before if word.startswith("-")]
    wrong = [f"{flag}: no flag of deepspeed" for flag in flags if f'"{flag}"' not in source]
    return wrong + _python_problems(script) if script else wrong


def _python_problems(words: list[str]) -> list[str] | None:
    if words[0] == "-m":
        if not words[1].startswith("jobgen"):
            return None
        path = ROOT / f"{words[1].replace('.', '/')}.py"
        return _source_problems(path, words[1], words[2:])
    name, arguments = words[0], words[1:]
    if not name.endswith(".py"):
        return [f"{name}: expected a script or -m"]
    if name.startswith("cli_") and (ROOT / name).is_file():
        return _script_problems(name, arguments)
    return _source_problems(ROOT / name, name, arguments)


def _source_problems(path: Path, name: str, arguments: list[str]) -> list[str]:
    """Flags must stand in the source: what these scripts import may not be installed."""
    if not path.is_file():
        return [f"{name}: no such script"]
    source = path.read_text(encoding="utf-8")
    flags = [word for word in arguments if word.startswith("--")]
    return [f"{flag}: no flag of {name}" for flag in flags if f'"{flag}"' not in source]


class _Parsed(Exception):
    """Ends a script's main as soon as its command line is read."""


def _script_problems(name: str, arguments: list[str]) -> list[str]:
    """Let the script parse the command itself, then load the configuration as it would."""
    if not arguments or PLACEHOLDER.fullmatch(arguments[0]):
        return []
    spec = importlib.util.spec_from_file_location(name.removesuffix(".py"), ROOT / name)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    parsed = []

    def read_config(arguments, model, **_):
        parsed.extend([arguments, model])
        raise _Parsed

    assert hasattr(script, "read_config"), "without it, main would do its work here"
    script.read_config = read_config
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [name, *arguments])
        try:
            script.main()
        except _Parsed:
            pass
        except SystemExit as end:
            return [] if end.code == 0 else [f"{name} refuses {' '.join(arguments)}"]
        except InputError as error:
            return [str(error)]
    arguments, model = parsed
    overrides = [text for text in arguments.overrides if not text.endswith("=...")]
    keys = {text.partition("=")[0] for text in arguments.overrides}
    wrong = [f"--set {key}: no such option" for key in sorted(keys - set(model.model_fields))]
    if PLACEHOLDER.search(arguments.cfg):
        return wrong
    if not (ROOT / arguments.cfg).is_file():
        return [*wrong, f"{arguments.cfg}: no such file"]
    try:
        load_config(str(ROOT / arguments.cfg), model, overrides, check_files=False)
    except InputError as error:
        return wrong or [str(error)]
    return wrong


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.name)
def test_commands_would_run(page):
    found = {text: problems(text) for text in commands(page.read_text(encoding="utf-8"))}
    assert {text: wrong for text, wrong in found.items() if wrong} == {}


def test_commands_are_found():
    checked = {
        page.name: sum(problems(text) is not None for text in commands(page.read_text("utf-8")))
        for page in GUIDES
    }
    assert checked["README.md"] >= 10
    assert checked["hardware.md"] >= 8
    assert sum(checked.values()) >= 45


@pytest.mark.parametrize(
    ("snippet", "problem"),
    [
        ("python cli_trainig.py -cfg train_configs/gpt2-xl.json", "no such script"),
        ("python cli_training.py -cfg train_configs/gpt3.json", "no such file"),
        ("python cli_training.py -cfg train_configs/gpt2-xl.json --estimat 3", "refuses"),
        ("python cli_training.py -cfg train_configs/gpt2-xl.json --vram 12", "--estimate"),
        ("python cli_training.py", None),  # the script alone, without a command line
        ("deepspeed cli_training.py -cfg train_configs/gpt2-xl.json --set max_tokens=9", "option"),
        ("deepspeed cli_training.py -cfg train_configs/gpt2-xl.json --set lr=fast", "expected"),
        ("deepspeed --gpus 2 cli_training.py -cfg train_configs/gpt2-xl.json", "no flag of"),
        ("python cli_generate_text.py -cfg generate_configs/my_own.json --set lr=1", "option"),
        ("python -m jobgen.readme", "no such script"),
        ("python -m jobgen.models.gguf MODEL --kind q8_0", "no flag of"),
        ("python benchmarks/train.py --hours 2", "no flag of"),
        ("make demos", "no target"),
        ("make demo PYTHN=python3.12", "no variable"),
        ("pip install -r requirements-none.txt", "no such file"),
        ("pytest tests/none.py", "no such file"),
        ("--set max_copied_words=9", "no such option"),
        ("make .venv/installed # a comment", None),
        ("python cli_training.py -cfg train_configs/my_jobs.json --set lr=1e-4", None),
        ("deepspeed --master_port 29501 ...", None),
    ],
)
def test_wrong_commands_are_found(snippet, problem):
    for page in (f"# A\n\n```bash\n{snippet}\n```\n", f"Call `{snippet}` then."):
        (command,) = commands(page)
        wrong = problems(command)
        assert wrong == [] if problem is None else problem in "".join(wrong)


# Tables and length


def test_option_tables_are_up_to_date():
    page = PAGE.read_text(encoding="utf-8")
    assert page.count("<!-- options ") == len(MODELS)
    for model in MODELS:
        assert all(f"| `{name}` |" in page for name in model.model_fields)
    assert fill_tables(page) == page, "run: python -m jobgen.common.option_tables"


def test_a_stale_option_table_is_found():
    page = PAGE.read_text(encoding="utf-8")
    stale = page.replace("| `max_length` |", "| `max_len` |")
    assert stale != fill_tables(stale) == fill_tables(page)


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 220


def test_experiments_are_newest_first():
    text = (ROOT / "EXPERIMENTS.md").read_text(encoding="utf-8")
    dates = re.findall(r"^## (\d{4}-\d\d-\d\d): ", text, re.MULTILINE)
    assert len(dates) == len(re.findall(r"^## \d", text, re.MULTILINE)) > 10
    assert dates == sorted(dates, reverse=True)


def test_the_message_of_the_example_is_the_real_one(tmp_path, monkeypatch):
    blocks = FENCE.findall(PAGE.read_text(encoding="utf-8"))
    (example,) = (code for language, code in blocks if language == "json")
    (message,) = (code for _, code in blocks if code.startswith("error: "))
    monkeypatch.chdir(tmp_path)
    path = Path(message.removeprefix("error: ").partition(":")[0])
    path.parent.mkdir()
    path.write_text(example, encoding="utf-8")
    with pytest.raises(InputError) as error:
        load_config(str(path), TrainConfig, check_files=False)
    assert f"error: {error.value}\n" == message
