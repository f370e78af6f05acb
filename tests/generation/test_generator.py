"""The best of several texts: order, ids, memorized texts, cleaning."""

import pytest
import torch

from jobgen.common.config import GenerateConfig
from jobgen.generation.engines import TransformersEngine
from jobgen.generation.generator import Generator, ranking_key
from jobgen.generation.requests import Completion
from jobgen.models.loading import load_model
from jobgen.text.memorized import MemorizationIndex

PROMPTS = [(0, "Engineer", ["Python", "SQL"]), (1, "Cook", []), (2, "Nurse", ["night shifts"])]


@pytest.fixture(scope="module")
def model(tiny_model, tiny_tokenizer):
    torch.manual_seed(0)
    return load_model(tiny_model, tiny_tokenizer, dtype=torch.float32)


def generator(model, tokenizer, index=None, /, **settings) -> Generator:
    about = {"model": "m", "max_length": 60, "num_return_sequences": 2, "batch_size": 2}
    config = GenerateConfig(**about | settings)
    return Generator(TransformersEngine(model, tokenizer, config), tokenizer, config, index)


def write(*arguments, prompts=PROMPTS, **settings) -> list:
    ours = generator(*arguments, **settings)
    return [row for group in ours.generate(ours.groups(prompts)) for row in group]


def test_postings_come_in_the_order_of_the_prompts(model, tiny_tokenizer):
    rows = write(model, tiny_tokenizer)
    assert [row.title for row in rows] == ["Engineer"] * 2 + ["Cook"] * 2 + ["Nurse"] * 2
    assert [row.keywords for row in rows[::2]] == [keywords for *_, keywords in PROMPTS]
    assert len({row.id for row in rows}) == 6
    assert [row.id[-2:] for row in rows] == ["-1", "-2"] * 3
    assert all(row.covered + len(row.missing) == len(row.keywords) for row in rows)


def test_a_prompt_gives_the_same_alone(model, tiny_tokenizer):
    """So a run that was interrupted writes what an undisturbed one would have written."""
    rows = write(model, tiny_tokenizer)
    for number in range(3):
        alone = write(model, tiny_tokenizer, prompts=PROMPTS[number : number + 1])
        expected = rows[2 * number : 2 * number + 2]
        assert [(row.id, row.text) for row in alone] == [(row.id, row.text) for row in expected]


def test_ids_are_of_all_that_decides_a_text(model, tiny_tokenizer):
    def ids(prompt=(0, "Cook", ["soup"]), **settings):
        return generator(model, tiny_tokenizer, **settings).posting_ids(*prompt)

    assert ids() == ids(batch_size=5, output_name="x", device="cpu")
    others = [
        *(ids((1, "Cook", ["soup"])), ids((0, "Chef", ["soup"])), ids((0, "Cook", ["soups"]))),
        *(ids(seed=1), ids(temperature=0.5), ids(guidance="off"), ids(num_candidates=4)),
        *(ids(model="n"), ids(max_length=61)),
    ]
    names = [ids(), *(other for other in others if isinstance(other, list))]
    assert len({name[0] for name in names}) == len(names) > 7


def test_the_best_candidates_are_kept(model, tiny_tokenizer):
    every = write(model, tiny_tokenizer, num_return_sequences=8, guidance="off")
    best = write(model, tiny_tokenizer, num_candidates=8, guidance="off")
    for number in range(3):
        of_prompt = every[8 * number : 8 * number + 8]
        assert [row.text for row in best[2 * number : 2 * number + 2]] == [
            row.text for row in sorted(of_prompt, key=ranking_key)[:2]
        ]


def test_coverage_comes_first_then_likelihood(model, tiny_tokenizer):
    (row, *_) = write(model, tiny_tokenizer)
    base = vars(row) | {"missing": [], "nats_per_token": 2.0, "finished": True, "repetition": 0.1}
    base |= {"memorized_share": 0.1}
    worse = [{"memorized_share": 0.2}, {"repetition": 0.2}, {"finished": False}]
    worse += [{"nats_per_token": 2.2}, {"missing": ["a"]}]
    ranks = [ranking_key(type(row)(**base | change)) for change in ({}, *worse)]
    assert ranks == sorted(ranks)
    assert len(set(ranks)) == 6


def written(monkeypatch, tokenizer, texts):
    """Let the model write these texts."""

    def write(engine, requests, streamer, on_tokens):
        for request, text in zip(requests, texts, strict=True):
            ids = tokenizer.encode(text, add_special_tokens=False)
            yield request, Completion(ids, True, 2.0 * (len(ids) + 1))

    monkeypatch.setattr(TransformersEngine, "generate", write)


def test_memorized_texts_are_left_out_and_counted(model, tiny_tokenizer, monkeypatch):
    learnt = " ".join(f"w{n}" for n in range(100))
    index = MemorizationIndex.of([learnt], [7])
    part = " ".join(learnt.split()[:40])
    written(monkeypatch, tiny_tokenizer, [learnt, f"We cook soup. {part}"])
    ours = generator(model, tiny_tokenizer, index, max_length=128)
    (group,) = ours.generate([[(0, "Cook", [])]])
    assert [(row.memorized_words, row.nearest_training_row) for row in group] == [(40, 7)]
    assert group[0].memorized_share == pytest.approx(33 / 36, abs=0.02)
    assert ours.memorized == 1
    all_kept = generator(model, tiny_tokenizer, index, max_memorized_words=None)
    (group,) = all_kept.generate([[(0, "Cook", [])]])
    assert (len(group), all_kept.memorized) == (2, 0)
    (group,) = generator(model, tiny_tokenizer).generate([[(0, "Cook", [])]])
    assert [row.memorized_words for row in group] == [None, None]


def test_contact_data_is_cleaned(model, tiny_tokenizer, monkeypatch):
    text = "Write to jane.roe@example.com, call +1 212 555 0100 or see https://example.com/jobs."
    written(monkeypatch, tiny_tokenizer, [text] * 2)
    (group,) = generator(model, tiny_tokenizer).generate([[(0, "Cook", ["call"])]])
    assert group[0].text == "Write to [e-mail], call [phone] or see [link]."
    assert (group[0].covered, group[0].nats_per_token) == (1, 2.0)
