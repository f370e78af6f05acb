"""Each form of a table goes from its file to the same titles and texts."""

import pandas as pd
import pytest
from table_forms import FORMS, TEXTS, TITLES, write_form

from jobgen.common.config import PrepareConfig
from jobgen.common.config_loader import parse_config
from jobgen.data.chunk_store import ChunkStore
from jobgen.data.reading import fingerprint, shown
from jobgen.data.source import source_of, split_source
from jobgen.data.tables import check_readable


@pytest.mark.parametrize("name", FORMS)
def test_every_form_gives_the_same_postings(tmp_path, name):
    settings = write_form(FORMS[name], tmp_path)
    config, _ = parse_config(settings, PrepareConfig, "settings")
    check_readable(source_of(config), config.columns())
    store = ChunkStore(tmp_path)
    split_source(config, store)
    rows = pd.concat([store.read("source", chunk) for chunk in store.chunks("source")])
    assert rows["title"].tolist() == TITLES
    assert rows["text"].str.replace("\r\n", "\n").tolist() == TEXTS
    assert rows["row"].tolist() == ([1, 1] if "file" in rows else [1, 2])
    assert store.chunks("unusable") == []
    assert fingerprint(source_of(config)) == fingerprint(source_of(config))
    assert shown(source_of(config)) == settings["source"]
