"""Read a JSON configuration into its pydantic model; report every problem of the file at once.

Neither this module nor `config` imports torch, so that a typing error costs less than a second.
"""

import difflib
import json
import types
import typing
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from jobgen.common.config import Config, Prompt
from jobgen.common.deepspeed_config import check_deepspeed_file
from jobgen.common.errors import InputError
from jobgen.common.files import nearby, read_json

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
        check_files: also report files named in the configuration that are missing.

    Returns:
        The configuration, and notes on keys that have no effect.

    Raises:
        InputError: with all problems of the file.
    """
    raw = read_json(path)
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
    raw = model.from_original(_without_comments(raw))
    raw, problems = _rename(raw, model)
    raw, notes = _drop_ignored(raw, model)
    for override in overrides or []:
        key, equals, text = override.partition("=")
        key = model.renamed.get(key, key)
        if not equals:
            problems.append(f"--set {override}: expected key=value")
        else:
            info = model.model_fields.get(key)
            is_text = info is not None and _type_words(info.annotation) == "text"
            raw[key] = text if is_text else _parse_value(text)
    raw = {key: _plain_value(value, model.model_fields.get(key)) for key, value in raw.items()}
    try:
        config = model.model_validate(raw)
    except ValidationError as error:
        problems += [_describe(entry, model, raw) for entry in error.errors()]
    problems += [
        f"{name:<16} missing; {model.model_fields[name].description}"
        for name in required
        if not raw.get(name)
    ]
    problems += _disordered(raw, model)
    if check_files:
        problems += _missing_files(raw, model)
    if problems:
        raise InputError(where, problems)
    return config, notes


def field_type(info: FieldInfo) -> str:
    """What a field accepts, in words: `number > 0`, `text or null`, `text | all`."""
    words = _type_words(info.annotation)
    limits = []
    for limit in info.metadata:
        for name, sign in (("gt", ">"), ("ge", ">="), ("lt", "<"), ("le", "<=")):
            if hasattr(limit, name):
                limits.append(f"{sign} {getattr(limit, name)}")
    return f"{words} {' and '.join(limits)}".strip()


def _type_words(annotation: Any) -> str:
    origin = typing.get_origin(annotation)
    if origin is Annotated:
        return _type_words(typing.get_args(annotation)[0])
    if origin in (types.UnionType, typing.Union):
        return " or ".join(_type_words(part) for part in typing.get_args(annotation))
    if origin is Literal:
        return " | ".join(str(part) for part in typing.get_args(annotation))
    if origin is dict:
        return f"object of {_type_words(typing.get_args(annotation)[1])}s"
    if origin is list:
        return f"list of {_type_words(typing.get_args(annotation)[0])}"
    plain = {int: "whole number", float: "number", str: "text", bool: "true or false"}
    plain |= {types.NoneType: "null", Prompt: "{title, keywords}"}
    return plain[annotation]


def _rename(raw: dict[str, Any], model: type[Config]) -> tuple[dict[str, Any], list[str]]:
    renamed, problems = {}, []
    for key, value in raw.items():
        new = model.renamed.get(key, key)
        if new != key and new in raw:
            problems.append(f"{key:<16} given together with {new}, which means the same")
        renamed[new] = value
    return renamed, problems


def _without_comments(content: Any) -> Any:
    """Leave out keys that start with two underscores, at every depth."""
    if isinstance(content, dict):
        plain = {key: value for key, value in content.items() if not key.startswith("__")}
        return {key: _without_comments(value) for key, value in plain.items()}
    if isinstance(content, list):
        return [_without_comments(entry) for entry in content]
    return content


def _disordered(raw: dict[str, Any], model: type[Config]) -> list[str]:
    problems = []
    for low, high in model.ordered:
        first, second = (raw.get(key, model.model_fields[key].default) for key in (low, high))
        if all(isinstance(value, int | float) for value in (first, second)) and first > second:
            problems.append(f"{low} = {first} is above {high} = {second}")
    return problems


def _drop_ignored(raw: dict[str, Any], model: type[Config]) -> tuple[dict[str, Any], list[str]]:
    notes = [f"{key} has no effect: {why}" for key, why in model.ignored.items() if key in raw]
    return {key: value for key, value in raw.items() if key not in model.ignored}, notes


def _parse_value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _plain_value(value: Any, info: FieldInfo | None) -> Any:
    """Undo the original's spelling: "none" for null, and numbers in quotation marks."""
    if info is not None and isinstance(value, bool) and "true" not in _type_words(info.annotation):
        return json.dumps(value)  # True would pass for the number 1
    if not isinstance(value, str) or info is None:
        return value
    if value.strip().lower() in ("none", "null") and "null" in _type_words(info.annotation):
        return None
    if "number" not in _type_words(info.annotation):
        return value
    try:
        number = float(value)
    except ValueError:
        return value
    return int(number) if number.is_integer() else number


def _describe(error: Any, model: type[Config], raw: dict[str, Any]) -> str:
    """One line for one pydantic error: the field, what was given, what is accepted."""
    path = error["loc"]
    name = ".".join(str(part) for part in path if part not in ("str", "list[str]"))
    if error["type"] == "extra_forbidden":
        known = [*model.model_fields, *model.renamed] if len(path) == 1 else ["title", "keywords"]
        return f"{name:<16} unknown key{_suggestion(str(path[-1]), known)}"
    field = model.model_fields[path[0]]
    if error["type"] == "missing":
        return f"{name:<16} missing; {field.description}"
    given = f"{name} = {json.dumps(error['input'], ensure_ascii=False, default=str)}"
    accepted = field_type(field) if len(path) == 1 else error["msg"]
    return f"{given:<16} expected {accepted} ({field.description})"


def _suggestion(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f'; did you mean "{close[0]}"?' if close else f"; known: {', '.join(sorted(known))}"


def _missing_files(raw: dict[str, Any], model: type[Config]) -> list[str]:
    problems = []
    for name in (*model.input_files, *model.input_paths):
        given = raw.get(name)
        named = given if isinstance(given, dict) else {None: given}
        for key, value in named.items():
            if not isinstance(value, str):
                continue
            path, field = Path(value), f"{name}.{key}" if key else name
            if not (path.is_file() or (name in model.input_paths and path.is_dir())):
                problems.append(f"{field} = {json.dumps(value)}  no such file{nearby(path)}")
            elif name == "ds_config":
                try:
                    wrong = check_deepspeed_file(read_json(value))
                    problems += [f"{value}: {line}" for line in wrong]
                except InputError as error:
                    problems.append(str(error))
    return problems
