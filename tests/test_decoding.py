"""Generation: batches, left padding, the prompt cut by its tokens, seeds, limits."""

import pytest
import torch

from jobgen.config import GenerateConfig
from jobgen.decoding import fit_to_positions, neutralise_prompts, pick_device, write_postings
from jobgen.errors import InputError
from jobgen.models import load_model

PROMPTS = [("Engineer", ["Python", "SQL"]), ("Cook", []), ("Engineer in a large team", ["Linux"])]


@pytest.fixture(scope="module")
def model(tiny_model, tiny_tokenizer):
    torch.manual_seed(0)
    return load_model(tiny_model, tiny_tokenizer, dtype=torch.float32)


def write(model, tokenizer, prompts=PROMPTS, **settings):
    config = GenerateConfig(model="m", **({"max_length": 60} | settings))
    return [row for batch in write_postings(model, tokenizer, prompts, config) for row in batch]


def test_rows_come_in_the_order_of_the_prompts(model, tiny_tokenizer):
    rows = write(model, tiny_tokenizer, num_return_sequences=2, batch_size=4)
    assert [row.title for row in rows] == [title for title, _ in PROMPTS for _ in range(2)]
    assert [row.keywords for row in rows[::2]] == [keywords for _, keywords in PROMPTS]
    assert rows[0].text != rows[1].text


def test_the_same_seed_writes_the_same(model, tiny_tokenizer):
    first = write(model, tiny_tokenizer, seed=1)
    torch.rand(3)
    assert write(model, tiny_tokenizer, seed=1) == first
    assert write(model, tiny_tokenizer, seed=2) != first


def test_left_padding_does_not_change_the_text(model, tiny_tokenizer):
    settings = {"do_sample": False, "min_length": 60, "repetition_penalty": 1.0}
    together = write(model, tiny_tokenizer, **settings)
    longest = "Engineer in a large team"
    for row, prompt in zip(together, PROMPTS, strict=True):
        alone = write(model, tiny_tokenizer, [prompt], **settings)[0]
        assert alone.text.startswith(row.text) if row.title != longest else alone == row
        assert row.text


def test_a_title_repeated_in_the_text_loses_nothing(model, tiny_tokenizer, monkeypatch):
    """The original cut the prompt off by splitting at the title."""
    written = tiny_tokenizer("Cook soup. A Cook!<|EOS|>", add_special_tokens=False)["input_ids"]

    def generate(input_ids, **_):
        rows = torch.tensor([written] * len(input_ids))
        return torch.cat([input_ids, rows], dim=1)

    monkeypatch.setattr(model, "generate", generate)
    rows = write(model, tiny_tokenizer, [("Cook", ["soup"])])
    assert rows[0].text == "Cook soup. A Cook!"
    assert rows[0].finished


def test_each_row_has_its_own_limits(model, tiny_tokenizer, monkeypatch):
    """Padding of batch mates is not counted, and the end token waits for min_length."""
    from jobgen.dataset import encode
    from jobgen.prompts import render_prompt

    written = []
    generate = model.generate

    def recorded(input_ids, **settings):
        output = generate(input_ids=input_ids, **settings)
        written.append(output[:, input_ids.shape[1] :])
        return output

    monkeypatch.setattr(model, "generate", recorded)
    # Only the end token is left at once, or it never comes.
    always = {"repetition_penalty": 1.0, "temperature": 0.01, "top_k": 1}
    with torch.no_grad():
        bias = torch.zeros(len(tiny_tokenizer))
        bias[tiny_tokenizer.eos_token_id] = 1e4
    head = model.lm_head.forward
    monkeypatch.setattr(model.lm_head, "forward", lambda states: head(states) + bias)
    rows = write(model, tiny_tokenizer, min_length=50, max_length=100, **always)
    lengths = [len(encode(tiny_tokenizer, [render_prompt(*prompt)])[0]) for prompt in PROMPTS]
    assert len(set(lengths)) == 3
    ends = (written[0] == tiny_tokenizer.eos_token_id).int().argmax(dim=1).tolist()
    assert [length + end for length, end in zip(lengths, ends, strict=True)] == [50, 50, 50]
    assert all(row.finished for row in rows)
    bias.neg_()
    rows = write(model, tiny_tokenizer, max_length=70, **always)
    pads = (written[1] != tiny_tokenizer.pad_token_id).sum(dim=1).tolist()
    assert [length + n for length, n in zip(lengths, pads, strict=True)] == [70, 70, 70]
    assert not any(row.finished for row in rows)


def test_a_batch_that_fills_all_positions(model, tiny_tokenizer):
    rows = write(model, tiny_tokenizer, max_length=128, num_return_sequences=3)
    assert len(rows) == 9


def test_special_tokens_are_never_written(model, tiny_tokenizer, monkeypatch):
    decode = tiny_tokenizer.decode
    monkeypatch.setattr(tiny_tokenizer, "decode", lambda ids, **_: decode(ids))
    rows = write(model, tiny_tokenizer, temperature=5.0, num_return_sequences=8, max_length=100)
    assert not any("<|" in row.text for row in rows)


def test_penalties_do_not_work_against_the_keywords(model, tiny_tokenizer):
    """A keyword of many tokens can be written, though the prompt holds the same n-gram."""
    from transformers import NoRepeatNGramLogitsProcessor

    from jobgen.decoding import _TextOnly

    prompt, text = [5, 6, 7, 8], [9, 5, 6, 7]
    processor = _TextOnly(NoRepeatNGramLogitsProcessor(4), len(prompt))
    scores = processor(torch.tensor([prompt + text]), torch.zeros(1, 20))
    assert scores[0, 8] == 0
    again = processor(torch.tensor([prompt + text + [8, 5, 6, 7]]), torch.zeros(1, 20))
    assert again[0, 8] == -torch.inf


def test_a_prompt_without_room_is_named_before_anything_is_written(model, tiny_tokenizer):
    prompts = [("Cook", []), ("Engineer " * 40, [])]
    config = GenerateConfig(model="m", max_length=50)
    with pytest.raises(InputError, match='prompt "Engineer .* take .* tokens; max_length is 50'):
        next(write_postings(model, tiny_tokenizer, prompts, config))


def test_max_length_beyond_the_positions(capsys):
    config = GenerateConfig(model="m", max_length=2400)
    with pytest.raises(InputError, match="beyond the 1024 positions of m; accepted: at most 1024"):
        fit_to_positions(config, 1024)
    lowering = config.model_copy(update={"beyond_positions": "lower"})
    assert fit_to_positions(lowering, 1024).max_length == 1024
    assert "lowered to 1024" in capsys.readouterr().out
    assert fit_to_positions(config, None).max_length == 2400


def test_special_tokens_in_prompts_are_counted(tiny_tokenizer):
    prompts, count = neutralise_prompts([("a<|SEP|>", ["<|EOS|>b", "c"])], tiny_tokenizer)
    assert (prompts, count) == ([("a< |SEP|>", ["< |EOS|>b", "c"])], 2)


def test_devices():
    assert pick_device("cpu") == "cpu"
    assert pick_device("auto") == ("cuda" if torch.cuda.is_available() else "cpu")
    with pytest.raises(InputError, match="no such GPU"):
        pick_device("cuda:99")
