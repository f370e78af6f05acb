"""What the model trains on: labels, drawn keywords, lengths, batches."""

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import postings

from jobgen.common.errors import InputError
from jobgen.models.sequence import (
    count_tokens,
    encode,
    escape_frame,
    render_completion,
    render_prompt,
)
from jobgen.training.dataset import IGNORED, PostingDataset, SimilarLengthSampler


def dataset(tokenizer, n=12, **options):
    return PostingDataset(postings(n), tokenizer, **({"max_length": 128} | options))


def test_only_the_text_and_its_end_are_learned(tiny_tokenizer):
    data = dataset(tiny_tokenizer)
    row, frame = data[0], postings(1)
    prompt = encode(tiny_tokenizer, [render_prompt("Engineer 0", frame["keywords"][0])])[0]
    text = encode(tiny_tokenizer, [render_completion(frame["text"][0])])[0]
    assert row["input_ids"] == prompt + text
    assert row["labels"] == [IGNORED] * len(prompt) + text
    assert text[-1] == tiny_tokenizer.eos_token_id
    whole = dataset(tiny_tokenizer, loss_on="all")[0]
    assert whole["labels"] == whole["input_ids"] == row["input_ids"]


def test_keywords_depend_on_seed_epoch_and_row_alone(tiny_tokenizer):
    first, second = (dataset(tiny_tokenizer, keywords=(2, 4), seed=1) for _ in range(2))
    np.random.seed(0)
    drawn = []
    for epoch in (0, 1):
        first.epoch = second.epoch = epoch
        drawn.append([first.drawn_keywords(row) for row in range(12)])
        assert drawn[-1] == [second.drawn_keywords(row) for row in reversed(range(12))][::-1]
    assert drawn[0] != drawn[1]
    assert {len(words) for words in drawn[0] + drawn[1]} == {2, 3, 4}
    for row, words in enumerate(drawn[0]):
        assert len(set(words)) == len(words)
        assert set(words) <= set(postings(12)["keywords"][row])


def test_fewer_keywords_than_wanted(tiny_tokenizer):
    frame = pd.DataFrame({"title": ["a"], "keywords": [["x"]], "text": ["b"]})
    data = PostingDataset(frame, tiny_tokenizer, 128, keywords=(3, 12))
    assert data.drawn_keywords(0) == ["x"]
    frame["keywords"] = [[]]
    assert PostingDataset(frame, tiny_tokenizer, 128, keywords=(3, 12)).drawn_keywords(0) == []


def test_rows_that_do_not_fit_are_dropped_and_counted_never_cut(tiny_tokenizer):
    frame = postings(12)
    longest_first = frame["keywords"].map(lambda words: sorted(words, key=len, reverse=True))
    lengths = count_tokens(frame.assign(keywords=longest_first), tiny_tokenizer)
    limit = sorted(lengths)[7]
    data = PostingDataset(frame, tiny_tokenizer, limit, keywords=(6, 6))
    assert len(data) + data.dropped == 12
    assert data.dropped == sum(length > limit for length in lengths)
    for epoch in range(3):
        data.epoch = epoch
        for row in range(len(data)):
            assert len(data[row]["input_ids"]) <= limit
            assert data[row]["input_ids"][-1] == tiny_tokenizer.eos_token_id
    with pytest.raises(InputError, match="none of the 12 rows fits into 8 tokens"):
        PostingDataset(frame, tiny_tokenizer, 8)


def test_a_batch_is_padded_on_the_right(tiny_tokenizer):
    data = dataset(tiny_tokenizer)
    assert [data.padded_length(n) for n in (1, 16, 17, data.max_length)] == [
        16,
        16,
        32,
        data.max_length,
    ]
    data.max_length = 100
    assert data.padded_length(97) == 100
    data.max_length = 4
    long = {"input_ids": [5, 6, 7], "labels": [IGNORED, 6, 7], "row": 4}
    short = {"input_ids": [8, 9], "labels": [IGNORED, 9], "row": 2}
    batch = data.collate([long, short])
    pad = tiny_tokenizer.pad_token_id
    assert batch["input_ids"].tolist() == [[5, 6, 7, pad], [8, 9, pad, pad]]
    assert batch["labels"].tolist() == [[IGNORED, 6, 7, IGNORED], [IGNORED, 9, IGNORED, IGNORED]]
    # As many logits as there are: three with a label, and the others for the multiple of 64.
    assert batch["logits_to_keep"].all()
    assert batch["shift_labels"].tolist() == [6, 7, IGNORED, IGNORED, 9, *[IGNORED] * 3]
    assert batch["rows"].tolist() == [4, 2]


@pytest.mark.parametrize("architecture", ["gpt2", "gpt_neo", "llama"])
def test_losses_of_a_batch_are_those_of_its_rows(architecture, tiny_tokenizer):
    """Padding without a mask, logits at labels only, chunked loss: the plain loss of each row."""
    from deepspeed.runtime.chunked_cross_entropy import ChunkedCausalLMLoss
    from transformers import AutoConfig, AutoModelForCausalLM, set_seed

    from jobgen.training.trainer import nats_per_row

    shape = {
        "gpt2": {"n_embd": 16, "n_layer": 2, "n_head": 2},
        "gpt_neo": {
            **{"hidden_size": 16, "num_layers": 2, "num_heads": 2, "window_size": 8},
            "attention_types": [[["global", "local"], 1]],
        },
        "llama": {
            **{"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2},
            **{"num_key_value_heads": 2, "intermediate_size": 32},
        },
    }[architecture]
    set_seed(0)
    config = AutoConfig.for_model(architecture, vocab_size=len(tiny_tokenizer), **shape)
    model = AutoModelForCausalLM.from_config(config).eval()
    data = dataset(tiny_tokenizer)
    rows = [data[i] for i in range(4)]
    assert len({len(row["input_ids"]) for row in rows}) > 1

    def grads():
        return torch.cat([weight.grad.ravel() for weight in model.parameters()])

    # The plain way: one row at a time, all logits, transformers' own loss.
    nats, tokens = [], []
    for row in rows:
        ids, labels = (torch.tensor([row[name]]) for name in ("input_ids", "labels"))
        tokens.append(int((labels[:, 1:] != IGNORED).sum()))
        loss = model(input_ids=ids, labels=labels).loss * tokens[-1]
        loss.backward()
        nats.append(float(loss.detach()))
    plain = grads() / sum(tokens)

    model.zero_grad()
    model.loss_function = ChunkedCausalLMLoss()
    batch = data.collate(rows)
    del batch["rows"]
    output = model(**batch)
    output.loss.backward()
    keep = batch["logits_to_keep"]
    assert keep[:, :-1][batch["labels"][:, 1:] != IGNORED].all()
    assert sum(tokens) < len(output.logits) < min(sum(tokens) + 64, keep.numel())
    assert len(output.logits) % 64 == 0
    assert float(output.loss.detach()) == pytest.approx(sum(nats) / sum(tokens), abs=1e-5)
    found = nats_per_row(output.logits, batch["shift_labels"], keep)
    assert found.tolist() == pytest.approx(nats, abs=1e-4)  # sums over some 50 tokens
    assert torch.allclose(grads(), plain, atol=1e-5)


def test_batches_hold_similar_lengths_in_an_order_of_seed_and_epoch(tiny_tokenizer):
    data = dataset(tiny_tokenizer, n=43, keywords=(3, 6), seed=3)
    order = list(SimilarLengthSampler(data, 4))
    assert sorted(order) == list(range(43))
    torch.manual_seed(99)
    assert list(SimilarLengthSampler(data, 4)) == order
    data.epoch = 1
    assert list(SimilarLengthSampler(data, 4)) != order
    lengths = np.array(data.n_tokens)

    def padding(order):
        batches = [lengths[order[i : i + 4]] for i in range(0, 43, 4)]
        return sum(int((batch.max() - batch).sum()) for batch in batches)

    assert padding(order) < 0.2 * padding(list(range(43)))


def test_special_tokens_in_a_table_are_escaped_and_counted(tiny_tokenizer):
    frame = pd.DataFrame(
        {"title": ["a<|SEP|>"], "keywords": [["<|EOS|>", "b"]], "text": ["c<|PAD|>d<|BOS|>"]}
    )
    safe, count = escape_frame(frame, tiny_tokenizer)
    assert count == 4
    assert safe["keywords"][0] == ["< |EOS|>", "b"]
    data = PostingDataset(frame, tiny_tokenizer, 128)
    assert data.escaped == 4
    ids = data[0]["input_ids"]
    assert [ids.count(i) for i in tiny_tokenizer.convert_tokens_to_ids(["<|SEP|>", "<|EOS|>"])] == [
        2,
        1,
    ]
