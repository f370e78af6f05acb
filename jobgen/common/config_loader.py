"""Read a JSON configuration into its pydantic model; report every problem of the file at once.

Neither this module nor `config` imports torch, so that a typing error costs less than a second.
"""

import difflib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from jobgen.common.config import (
    Config,
    InputFile,
    InputPath,
    InputTable,
    Prompt,
    accepts,
    field_type,
    has_several_types,
)
from jobgen.common.deepspeed_config import check_deepspeed_file
from jobgen.common.errors import InputError
from jobgen.common.files import nearby, read_json
from jobgen.common.locations import find_fault, without_password
from jobgen.common.original_format import RENAMED, current_name, upgrade, upgrade_value

_DEEPEST = 20  # levels of nested lists and objects in a configuration

Model = TypeVar("Model", bound=Config)


def load_config(
    path: str,
    model: type[Model],
    overrides: list[str] | None = None,
    required: tuple[str, ...] = (),
    check_files: bool = True,
) -> tuple[Model, list[str]]:
    """Read a JSON file into its pydantic model.

    Args:
        path: the JSON file.
        model: PrepareConfig, TrainConfig, GenerateConfig or EvaluateConfig.
        overrides: `key=value` texts that replace values of the file.
        required: fields that this caller cannot do without although the model has a default.
        check_files: whether files that the configuration names must exist.

    Returns:
        The configuration, and notes on keys that have no effect.

    Raises:
        InputError: with all problems of the file.
    """
    raw = read_json(path, unique_keys=True)
    if not isinstance(raw, dict):
        raise InputError(path, f"expected a JSON object {{...}}, got {type(raw).__name__}")
    return parse_config(raw, model, path, overrides, required, check_files)


def parse_config(
    raw: dict[str, Any],
    model: type[Model],
    where: str,
    overrides: list[str] | None = None,
    required: tuple[str, ...] = (),
    check_files: bool = True,
) -> tuple[Model, list[str]]:
    """`load_config` for the content of a file; `where` names it in messages."""
    _check_depth(raw, where)
    content, problems, notes = upgrade(raw, model)
    for override in overrides or []:
        key, equals, text = override.partition("=")
        name = current_name(key, model)
        if not equals:
            problems.append(f"--set {override}: expected key=value")
        else:
            value = _parse_value(name, text, model)
            _check_depth(value, f"--set {key}")
            content[name] = upgrade_value(name, value, model)
    if unusable := list(_unusable_texts(content)):  # they could not even be printed
        raise InputError(where, unusable)
    try:
        config = model.model_validate(content)
    except ValidationError as error:
        # A field of several types has an error for each of them.
        problems += dict.fromkeys(_describe(entry, model, content) for entry in error.errors())
    problems += [
        f"{name:<16} missing; {model.model_fields[name].description}"
        for name in required
        if not content.get(name)
    ]
    problems += _disordered(content, model)
    if check_files:
        problems += _missing_files(content, model)
        problems += _missing_tables(content, model)
    if problems:
        raise InputError(where, problems)
    return config, notes


def _parse_value(name: str, text: str, model: type[Config]) -> Any:
    """The value of `--set name=text`: JSON where it can be read as such, else the text itself."""
    field = model.model_fields.get(name)
    if field is not None and accepts(field.annotation) == "text":
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _check_depth(content: Any, where: str) -> None:
    """Refuse lists and objects within one another that no configuration has."""
    level, depth = [content], 0
    while level := [
        part
        for whole in level
        if isinstance(whole, dict | list)
        for part in (whole.values() if isinstance(whole, dict) else whole)
    ]:
        depth += 1
        if depth > _DEEPEST:
            raise InputError(where, f"nested too deeply: expected at most {_DEEPEST} levels")


def _unusable_texts(content: Any, name: str = "") -> Iterator[str]:
    """A line for each text, key or value, that no file, name or tokenizer can hold.

    Args:
        content: a configuration, or a part of it.
        name: what the part is called in messages.
    """
    if isinstance(content, dict):
        for key, value in content.items():
            shown = json.dumps(key[:60])  # escapes what cannot be printed
            yield from _unusable_texts(key, f"the key {shown}")
            yield from _unusable_texts(value, f"{name}.{shown[1:-1]}" if name else shown[1:-1])
    elif isinstance(content, list):
        for entry in content:
            yield from _unusable_texts(entry, name)
    elif isinstance(content, str):
        if "\0" in content:
            yield f"{name:<16} holds a NUL character"
        elif any("\ud800" <= character <= "\udfff" for character in content):
            yield f"{name:<16} holds half of a character (a lone surrogate)"


def _disordered(content: dict[str, Any], model: type[Config]) -> list[str]:
    problems = []
    for low, high in model.ordered:
        first, second = (content.get(key, model.model_fields[key].default) for key in (low, high))
        if all(isinstance(value, int | float) for value in (first, second)) and first > second:
            problems.append(f"{low} = {first} is above {high} = {second}")
    return problems


def _describe(error: Any, model: type[Config], content: dict[str, Any]) -> str:
    """One line for one pydantic error: the field, what was given, what is accepted."""
    path = error["loc"]
    name = ".".join(str(part) for part in path if part not in ("str", "list[str]"))
    if error["type"] == "extra_forbidden":
        known = [*model.model_fields, *RENAMED.get(model, {})]
        if len(path) > 1:
            known = list(Prompt.model_fields)
        return f"{name:<16} unknown key{_suggestion(str(path[-1]), known)}"
    field = model.model_fields[path[0]]
    if error["type"] == "missing":
        return f"{name:<16} missing; {field.description}"
    value = error["input"]
    if has_several_types(field):
        name, value, path = path[0], content[path[0]], path[:1]
    text = json.dumps(value, ensure_ascii=False, default=str)
    given = f"{name} = {text if len(text) <= 80 else f'{text[:80]}...'}"
    if error["type"] == "value_error":
        return f"{given:<16} {error['ctx']['error']}"
    accepted = field_type(field) if len(path) == 1 else error["msg"]
    return f"{given:<16} expected {accepted} ({field.description})"


def _suggestion(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f'; did you mean "{close[0]}"?' if close else f"; known: {', '.join(sorted(known))}"


def _missing_files(content: dict[str, Any], model: type[Config]) -> list[str]:
    problems = []
    may_be_folders = model.marked(InputPath)
    for name in model.marked(InputFile, InputPath):
        given = content.get(name)
        named = given if isinstance(given, dict) else {None: given}
        for key, value in named.items():
            if not isinstance(value, str):
                continue
            path, field = Path(value), f"{name}.{key}" if key else name
            try:
                exists = path.is_file() or (name in may_be_folders and path.is_dir())
            except OSError as error:  # a folder that may not be entered, a name that is too long
                problems.append(f"{field} = {json.dumps(value)[:80]}  {error.strerror}")
                continue
            if not exists:
                problems.append(f"{field} = {json.dumps(value)}  no such file{nearby(path)}")
            elif name == "ds_config":
                try:
                    wrong = check_deepspeed_file(read_json(value, unique_keys=True))
                    problems += [f"{value}: {line}" for line in wrong]
                except InputError as error:
                    problems.append(str(error))
    return problems


def _missing_tables(content: dict[str, Any], model: type[Config]) -> list[str]:
    problems = []
    for name in model.marked(InputTable):
        if not isinstance(location := content.get(name), str):
            continue
        location = location.strip()
        shown = f"{name} = {json.dumps(without_password(location), ensure_ascii=False)[:200]}"
        try:
            fault = find_fault(location)
        except OSError as error:  # a folder that may not be entered, a name that is too long
            fault = error.strerror
        if fault:
            problems.append(f"{shown}  {fault}")
    return problems
