"""A look at what a preparation makes of the first rows of a table."""

import re
import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from rich.console import Console
from rich.rule import Rule
from rich.text import Text

from jobgen.common.config import MOST_TOKENS, PrepareConfig
from jobgen.common.errors import TableError
from jobgen.common.files import read_arrays
from jobgen.common.logging import logger
from jobgen.data.chunk_store import ChunkStore
from jobgen.data.cleaning import clean_text
from jobgen.data.context import PipelineContext, open_context, read_vocabulary
from jobgen.data.grouping import first_of_each, is_unfit, read_lengths
from jobgen.data.languages import count_languages, describe_languages
from jobgen.data.pipeline import run_stages
from jobgen.data.source import split_source
from jobgen.text.redaction.patterns import PLACEHOLDER

# Rows that are read at least: they tell which words, names and sentences are common in the table.
_SAMPLE_ROWS = 200
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class PreviewRow(NamedTuple):
    """What becomes of one row.

    Attributes:
        row: its number in its file, from 1.
        title: the clean title.
        before: the text as it stands in the source.
        text: the clean text.
        keywords: its keywords.
        redacted: a placeholder for each contact that was found, in the order of the text.
        dropped: why the row would be in no table; None if it would be in one.
    """

    row: int
    title: str
    before: str
    text: str
    keywords: list[str]
    redacted: list[str]
    dropped: str | None


def preview_rows(config: PrepareConfig, n_rows: int) -> list[PreviewRow]:
    """Prepare the first rows of a source, also those that would be dropped, without a split.

    Args:
        config: configuration of the preparation.
        n_rows: number of rows; keywords and standing sentences go by these and the rows after
            them, 200 in all at least, not by the whole table.

    Raises:
        InputError: the source or a model cannot be used.
    """
    # Copies and rows of any length get keywords here; why they would be dropped is told at the end.
    # One process is faster than to start several for so few rows.
    shown = config.model_copy(
        update={"duplicates": "keep_together", "max_length": "auto", "workers": 1}
    )
    with tempfile.TemporaryDirectory(prefix="jobgen-") as folder:
        store = ChunkStore(Path(folder))
        split_source(shown, store, most_rows=max(n_rows, _SAMPLE_ROWS))
        context = open_context(config, store, engine="processes")
        with suppress(TableError):  # no row is left: each tells why
            run_stages(replace(context, config=shown, longest=MOST_TOKENS))
        rows = _rows(context, n_rows)
        languages = count_languages(row.text for row in rows)
    if languages:
        logger.info(describe_languages(languages))
    return rows


def _rows(context: PipelineContext, n_rows: int) -> list[PreviewRow]:
    """The first rows of a store in the order of the source."""
    config, store, longest = context.config, context.store, context.longest
    source, unusable = _read(store, "source"), _read(store, "unusable")
    clean, keyworded = _by_place(_read(store, "measured")), _by_place(_read(store, "keywords"))
    left_out = _by_place(unusable) | _by_place(_read(store, "empty"))
    copies = _copies(store, config, longest) if config.duplicates == "keep_one" else {}
    vocabulary = read_vocabulary(store) if store.file("vocabulary.json").is_file() else None
    places = {**_by_place(source), **_by_place(unusable)}
    rows = []
    for place, row in sorted(places.items())[:n_rows]:
        before = row.get("text", "")
        text, keywords, dropped = "", [], None
        if place in left_out:
            dropped = left_out[place]["reason"]
        if place in clean:
            text = clean[place]["text"]
            dropped = copies.get(place)
        if place in keyworded:
            keywords = list(keyworded[place]["keywords"])
            dropped = dropped or _wrong_length(config, int(keyworded[place]["n_tokens"]), longest)
        replaced = clean_text(before, "replace", vocabulary, config.regions)[0]
        redacted = [] if config.personal_data == "keep" else PLACEHOLDER.findall(replaced)
        title = clean.get(place, row)["title"]
        rows.append(PreviewRow(place[1], title, before, text, keywords, redacted, dropped))
    return rows


def _read(store: ChunkStore, stage: str) -> pd.DataFrame:
    """All rows of a stage; none if it did not come so far."""
    frames = [store.read(stage, chunk) for chunk in store.chunks(stage)]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def _by_place(rows: pd.DataFrame) -> dict[tuple[str, int], dict[str, Any]]:
    """File and number of each row -> its cells."""
    return {(row.get("file", ""), int(row["row"])): row for row in rows.to_dict("records")}


def _copies(store: ChunkStore, config: PrepareConfig, longest: int) -> dict[tuple[str, int], str]:
    """File and number of each near-duplicate of a row that is kept -> what it is."""
    if not store.file("groups.npz").is_file():
        return {}
    labels = read_arrays(store.file("groups.npz"))["near_duplicates"]
    n_tokens = read_lengths(store)
    is_kept = first_of_each(labels, is_unfit(config, n_tokens))
    places = list(_by_place(_read(store, "measured")))
    rows = list(zip(labels, places, is_kept, n_tokens <= longest, strict=True))
    kept = {label: place for label, place, keeps, _ in rows if keeps}
    return {
        place: f"near-duplicate of row {kept[label][1]}"
        for label, place, keeps, fits in rows
        if fits and not keeps
    }


def _wrong_length(config: PrepareConfig, n_tokens: int, longest: int) -> str | None:
    if n_tokens < config.min_length:
        return f"too short: {n_tokens} tokens, min_length is {config.min_length}"
    if n_tokens > longest:
        name = "the model reads" if config.max_length == "auto" else "max_length is"
        return f"too long: {n_tokens} tokens, {name} {longest}"
    return None


def print_preview(rows: list[PreviewRow]) -> None:
    """Print each row before and after, with its keywords and contacts marked."""
    console = Console(highlight=False)
    for row in rows:
        title = _printable(f"row {row.row}: {row.title}")
        console.print(Rule(Text(title, style="bold"), align="left"))
        if row.dropped:
            console.print(Text(f"would be dropped: {row.dropped}", style="red"))
        console.print(Text("before", style="bold dim"))
        console.print(Text(_printable(row.before), style="dim"))
        console.print(Text("after", style="bold"))
        text = Text(_printable(row.text))
        for keyword in row.keywords:
            text.highlight_regex(rf"(?<!\w){re.escape(keyword)}(?!\w)", "green")
        text.highlight_regex(PLACEHOLDER, "yellow")
        console.print(text)
        console.print(Text.assemble(("keywords ", "bold"), (", ".join(row.keywords), "green")))
        if row.redacted:
            console.print(Text.assemble(("contacts ", "bold"), (", ".join(row.redacted), "yellow")))
        console.print()


def _printable(text: str) -> str:
    """A text without characters by which it would command the terminal."""
    return _CONTROL.sub("\N{SYMBOL FOR ESCAPE}", text)
