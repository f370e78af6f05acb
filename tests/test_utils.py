"""NLP_model: what it wires together."""

import json
import shutil

import pandas as pd
from conftest import postings
from transformers import AutoConfig, AutoModelForCausalLM

from utils import NLP_model


def test_a_loaded_model_reads_texts_as_long_as_it_has_positions(tiny_model, tmp_path):
    """Its own tests of likelihood must not leave out what it was trained on: 1,024 tokens."""
    base = shutil.copytree(tiny_model, tmp_path / "base")
    shape = json.loads((base / "config.json").read_text()) | {"n_positions": 1024}
    (base / "config.json").write_text(json.dumps(shape))
    config = AutoConfig.from_pretrained(base)
    AutoModelForCausalLM.from_config(config).save_pretrained(base)
    NLP_model({"model": str(base), "max_length": 128}).save(str(tmp_path / "saved"))

    nlp = NLP_model.load(str(tmp_path / "saved"))

    assert nlp.limit == nlp.config.max_length == 1024
    text, tokens = "", 0
    while tokens < 900:
        text += " ".join(postings(8)["text"]) + " "
        tokens = len(nlp.tokenizer(text)["input_ids"])
    row = {"title": "Engineer", "keywords": ["Python"], "text": text[: len(text) * 900 // tokens]}
    found = nlp.nats(pd.DataFrame([row]))
    assert list(found.index) == [0]
    assert 850 < found["tokens"][0] < 950
    assert found["nats"][0] > 0
