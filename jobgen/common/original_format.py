"""Configurations of the original project, text-gen-gpt: upgraded once, before they are validated.

Its files are accepted as they are. They have other names for some keys, keys without an effect
here, -1 for a setting that is off, "none" for nothing, numbers in quotation marks, and comments
under keys that start with two underscores. Nothing after `upgrade` knows of any of this.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

from jobgen.common.config import Config, GenerateConfig, PrepareConfig, TrainConfig, accepts

# The original's name of a key -> ours.
RENAMED: dict[type[Config], dict[str, str]] = {
    PrepareConfig: {
        "max_seq_len": "max_length",
        "min_seq_len": "min_length",
        "max_tokens": "max_length",
        "min_tokens": "min_length",
        "train_val": "test_share",
        "save_folder": "output_dir",
    },
    TrainConfig: {
        "max_len": "max_length",
        "warmup": "warmup_steps",
        "train_batch_size": "micro_batch_size",
        "batch_update": "gradient_accumulation_steps",
        "save_total_chkpts": "save_total_limit",
        "fp16_train": "half_precision",
    },
    GenerateConfig: {
        "model_name_hf": "model",
        "model_path": "model_preload",
        "output_fld": "output_dir",
        "output_core_name": "output_name",
    },
}
# Keys that have no effect here -> why.
IGNORED: dict[type[Config], dict[str, str]] = {
    TrainConfig: {"fp16_full_eval": "evaluation runs in the precision of the training"},
    GenerateConfig: {"length_penalty": "it belongs to beam search, and the texts are sampled"},
}
# Fields that a negative number turns off; here that is null.
NEGATIVE_IS_OFF: dict[type[Config], set[str]] = {
    TrainConfig: {"unfreeze_last_n", "max_steps", "save_total_limit"},
    GenerateConfig: {
        *("top_k", "no_repeat_ngram_size", "num_candidates", "max_memorized_words", "batch_size"),
    },
}


class Upgraded(NamedTuple):
    """A configuration in today's form.

    Attributes:
        content: today's keys -> values.
        problems: contradictions, one line each.
        notes: on keys that have no effect.
    """

    content: dict[str, Any]
    problems: list[str]
    notes: list[str]


def upgrade(raw: dict[str, Any], model: type[Config]) -> Upgraded:
    """Bring the content of a configuration file into today's form.

    Args:
        raw: as parsed from JSON; a file in today's form comes back unchanged.
        model: the configuration that it is for.
    """
    raw = _restructure(_without_comments(raw), model)
    notes = [
        f"{key} has no effect: {why}" for key, why in IGNORED.get(model, {}).items() if key in raw
    ]
    content: dict[str, Any] = {}
    problems = []
    for key, value in raw.items():
        if key in IGNORED.get(model, {}):
            continue
        name = current_name(key, model)
        if name != key and name in raw:
            problems.append(f"{key:<16} given together with {name}, which means the same")
        content[name] = upgrade_value(name, value, model)
    return Upgraded(content, problems, notes)


def current_name(key: str, model: type[Config]) -> str:
    """Today's name of a key."""
    return RENAMED.get(model, {}).get(key, key)


def upgrade_value(name: str, value: Any, model: type[Config]) -> Any:
    """A value in today's form: null for "none" and for what is off, numbers without quotes."""
    field = model.model_fields.get(name)
    if field is None:
        return value
    accepted = accepts(field.annotation)
    if isinstance(value, bool):
        # pydantic would take true for the number 1.
        return value if "true or false" in accepted else json.dumps(value)
    if isinstance(value, str):
        if value.strip().lower() in ("none", "null") and "null" in accepted:
            return None
        if "number" in accepted:
            value = _number(value)
    is_negative = isinstance(value, int | float) and value < 0
    return None if is_negative and name in NEGATIVE_IS_OFF.get(model, set()) else value


def _number(text: str) -> Any:
    """The number that a text spells, else the text."""
    try:
        number = float(text)
    except ValueError:
        return text
    return int(number) if number.is_integer() else number


def _without_comments(content: Any) -> Any:
    """Leave out keys that start with two underscores, at every depth."""
    if isinstance(content, dict):
        plain = {key: value for key, value in content.items() if not key.startswith("__")}
        return {key: _without_comments(value) for key, value in plain.items()}
    if isinstance(content, list):
        return [_without_comments(entry) for entry in content]
    return content


def _restructure(raw: dict[str, Any], model: type[Config]) -> dict[str, Any]:
    """Flatten the shapes that only the original has."""
    raw = dict(raw)
    if model is PrepareConfig:
        parts = ("src_folder", "file_name")
        if all(isinstance(raw.get(key), str) for key in parts):
            raw["source"] = str(Path(*(raw.pop(key) for key in parts)))
    if model is GenerateConfig:
        if isinstance(raw.get("config"), dict):
            raw = {**raw.pop("config"), **raw}
            # Its files ask for 2400 tokens of models that have 1024 positions.
            raw.setdefault("beyond_positions", "lower")
            workdir = str(raw.pop("workdir", "") or "")
            for key in ("model_path", "output_fld", "cache_dir"):
                if isinstance(raw.get(key), str) and raw[key].lower() != "none":
                    raw[key] = str(Path(workdir) / raw[key])
        if isinstance(raw.get("prompts"), dict):
            raw["prompts"] = list(raw["prompts"].values())
    return raw
