"""Keyword guidance: all are written, where they may be, as they are, and not over and over."""

import pytest
import torch
from test_batching import model, settings_of, write  # noqa: F401, a fixture

from jobgen.generation.guidance import KeywordGuidance
from jobgen.generation.requests import encode_prompt
from jobgen.text.coverage import covered_by_stems

SKILLS = [
    "welding",
    "night shifts",
    "C++",
    "Linux",
    "first aid",
    "CI/CD",
    "R&D",
    "data-driven work",
]
PROMPTS = [("Cook", SKILLS), ("Engineer", SKILLS[:2]), ("Nurse", []), ("Cook", ["soup", "Soup"])]


def coverage(tokenizer, prompts, texts) -> list[float]:
    found = []
    for (number, _), text in texts.items():
        if keywords := prompts[number][1]:
            covered = covered_by_stems(tokenizer.decode(text.ids), keywords)
            found.append(sum(covered) / len(covered))
    return found


def test_hard_writes_all_keywords_of_a_model_that_knows_none(model, tiny_tokenizer):  # noqa: F811
    """The weights are random: nothing of this is the model's own doing."""
    settings = {"max_length": 128, "candidates": 5, "temperature": 1.5}
    plain = write(model, tiny_tokenizer, PROMPTS, guidance="off", **settings)
    soft = write(model, tiny_tokenizer, PROMPTS, guidance="soft", **settings)
    hard = write(model, tiny_tokenizer, PROMPTS, guidance="hard", **settings)
    plain, soft, hard = (coverage(tiny_tokenizer, PROMPTS, x) for x in (plain, soft, hard))
    assert sum(plain) / len(plain) < 0.5 < sum(soft) / len(soft)
    assert hard == [1.0] * 15


def test_hard_needs_no_more_room_than_the_keywords(model, tiny_tokenizer):  # noqa: F811
    prompt = [("Cook", SKILLS)]
    n = len(encode_prompt(tiny_tokenizer, *prompt[0], settings_of(max_length=128)))
    assert n <= 64  # as fit_keywords leaves it
    texts = write(model, tiny_tokenizer, prompt, 8, guidance="hard", max_length=128)
    assert coverage(tiny_tokenizer, prompt, texts) == [1.0] * 8


def test_a_text_is_guided_the_same_beside_others(model, tiny_tokenizer):  # noqa: F811
    for mode in ("soft", "hard"):
        settings = {"guidance": mode, "max_length": 128, "candidates": 3}
        alone = write(model, tiny_tokenizer, PROMPTS, batch_size=1, **settings)
        together = write(model, tiny_tokenizer, PROMPTS, batch_size=5, **settings)
        assert [text.ids for text in alone.values()] == [text.ids for text in together.values()]


def test_without_keywords_nothing_changes(model, tiny_tokenizer):  # noqa: F811
    prompts = [("Nurse", []), ("Cook", [])]
    plain = write(model, tiny_tokenizer, prompts, guidance="off")
    assert write(model, tiny_tokenizer, prompts, guidance="hard") == plain


class Guided:
    """One slot, into which tokens are put by hand."""

    def __init__(self, tokenizer, keywords, mode="soft"):
        self.tokenizer, self.ids, self.room = tokenizer, [], 200
        self.size = len(tokenizer) + 3
        self.guidance = KeywordGuidance(
            tokenizer, self.size, mode, [keywords], 1, torch.device("cpu")
        )
        self.guidance.add_request(0, keywords)

    def write(self, text):
        for token in self.encode(text):
            self.ids.append(token)
            self.guidance.observe(torch.tensor([token]), lambda row: self.ids)

    def encode(self, text):
        return self.tokenizer.encode(text, add_special_tokens=False)

    def bonus(self, text) -> float:
        """What the first token of a text gains."""
        scores = torch.zeros(1, self.size)
        self.guidance.adjust(
            scores, torch.tensor([len(self.ids)]), torch.tensor([self.room - len(self.ids)])
        )
        return float(scores[0, self.encode(text)[0]])

    def end(self) -> float:
        scores = torch.zeros(1, self.size)
        self.guidance.adjust(
            scores, torch.tensor([len(self.ids)]), torch.tensor([self.room - len(self.ids)])
        )
        return float(scores[0, self.tokenizer.eos_token_id])


def test_the_bonus_grows_and_ends(tiny_tokenizer):
    slot = Guided(tiny_tokenizer, ["welding"])
    slot.write(" You")
    early = slot.bonus(" welding")
    slot.write(" use team in team in team in team")
    late = slot.bonus(" welding")
    assert 0 < early < late
    assert slot.bonus(" use") == 0
    assert slot.end() < 0
    slot.write(" welding")
    assert slot.bonus(" welding") < 0  # not twice in a row
    slot.write(" in")
    assert slot.end() == 0
    slot.write(" team" * 20)
    assert slot.bonus(" welding") == 0


def test_what_was_begun_is_finished(tiny_tokenizer):
    slot = Guided(tiny_tokenizer, ["night shifts"])
    ids = slot.encode(" night shifts")
    assert len(ids) > 1
    slot.write(" You")
    slot.ids.append(ids[0])
    slot.guidance.observe(torch.tensor([ids[0]]), lambda _: slot.ids)
    scores = torch.zeros(1, slot.size)
    slot.guidance.adjust(scores, torch.tensor([2]), torch.tensor([100]))
    assert int(scores.argmax()) == ids[1]
    assert float(scores[0, ids[1]]) > 10


def test_a_keyword_within_a_longer_word_is_not_in(tiny_tokenizer):
    """`C` is not written by `C++`, and neither is `Java` by `JavaScript`."""
    slot = Guided(tiny_tokenizer, ["C"])
    slot.write(" You use C++ in team")
    assert bool(slot.guidance.state.missing[0, 0])
    slot.write(" You use C in team")
    assert not bool(slot.guidance.state.missing[0, 0])


def test_words_need_a_blank_but_behind_a_line_break(tiny_tokenizer):
    slot = Guided(tiny_tokenizer, ["welding"])
    assert slot.bonus("welding") > 0  # the text begins
    slot.write(" You")
    assert slot.bonus("welding") == 0
    slot.write("\n")
    assert slot.bonus("welding") > 0


def test_another_form_counts(tiny_tokenizer):
    slot = Guided(tiny_tokenizer, ["night shift"])
    slot.write(" You use night shifts in team" + " team" * 20)
    assert not slot.guidance.state.missing.any()


@pytest.mark.parametrize("keyword", ["", "<|x|>", "日本語", "🙂", "مرحبا", "ab" * 15])
def test_odd_keywords(model, tiny_tokenizer, keyword):  # noqa: F811
    prompts = [("Cook", [keyword, "soup"])]
    texts = write(model, tiny_tokenizer, prompts, guidance="hard", max_length=128, candidates=2)
    assert len(texts) == 2
