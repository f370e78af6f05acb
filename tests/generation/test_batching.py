"""Generation: slots that pass from text to text, the cache, seeds, limits, lack of memory."""

from types import SimpleNamespace

import pytest
import torch

from jobgen.common.config import GenerateConfig
from jobgen.common.errors import InputError
from jobgen.generation import batching
from jobgen.generation.batching import batch_size_that_fits, pick_device
from jobgen.generation.engines import TransformersEngine
from jobgen.generation.kv_cache import KVCache
from jobgen.generation.requests import Request, cap_max_length, encode_prompt, fit_keywords
from jobgen.generation.sampling import forbid_repeated_ngrams, penalize_repetition, pick
from jobgen.models.gpt_neo import use_fast_attention
from jobgen.models.loading import load_model
from jobgen.models.sequence import escape_prompts, render_prompt, special_tokens

PROMPTS = [("Engineer", ["Python", "SQL"]), ("Cook", []), ("Engineer in a large team", ["Linux"])]


@pytest.fixture(scope="module")
def model(tiny_model, tiny_tokenizer):
    torch.manual_seed(0)
    return load_model(tiny_model, tiny_tokenizer, dtype=torch.float32)


def settings_of(**settings) -> GenerateConfig:
    return GenerateConfig(model="m", **({"max_length": 60, "guidance": "off"} | settings))


def requests_of(tokenizer, prompts, candidates, config) -> list[Request]:
    return [
        Request(number, n, encode_prompt(tokenizer, *prompt, config), prompt[1])
        for number, prompt in enumerate(prompts)
        for n in range(candidates)
    ]


def write(model, tokenizer, prompts=PROMPTS, candidates=1, **settings) -> dict:
    """What was written, by prompt and candidate, in their order."""
    config = settings_of(**settings)
    requests = requests_of(tokenizer, prompts, candidates, config)
    found = list(TransformersEngine(model, tokenizer, config).generate(requests))
    assert len(found) == len(requests)
    return {(request.prompt, request.candidate): text for request, text in sorted(found)}


def test_each_text_is_the_one_it_would_be_alone(model, tiny_tokenizer, monkeypatch):
    """However many are beside it, whose slot it takes, and however the columns move."""
    bias = torch.zeros(model.lm_head.weight.shape[0])
    bias[tiny_tokenizer.eos_token_id] = 2.5  # so that they end here and there
    head = model.lm_head.forward
    monkeypatch.setattr(model.lm_head, "forward", lambda states: head(states) + bias)
    alone = write(model, tiny_tokenizer, candidates=6, batch_size=1)
    for batch_size in (2, 5, 18):
        together = write(model, tiny_tokenizer, candidates=6, batch_size=batch_size)
        assert [text.ids for text in together.values()] == [text.ids for text in alone.values()]
        for text, same in zip(together.values(), alone.values(), strict=True):
            assert text.nats == pytest.approx(same.nats, rel=1e-4)
    assert len({tuple(text.ids) for text in alone.values()}) == 18
    assert len({len(text.ids) for text in alone.values()}) > 6


def test_tokens_are_counted_and_streamed_while_they_are_written(model, tiny_tokenizer):
    config = settings_of(batch_size=4)
    requests = requests_of(tiny_tokenizer, PROMPTS, 3, config)
    streamed, counted, ended = [], [], []
    engine = TransformersEngine(model, tiny_tokenizer, config)
    for _, text in engine.generate(requests, streamed.append, counted.append):
        ended.append(len(text.ids) + text.finished)
        assert sum(counted) >= sum(ended)
    assert sum(counted) == sum(ended)
    assert counted[:20] == [4] * 20  # of four texts at once, long before one of them ends
    (_, text), *_ = engine.generate(requests[:1], streamed.clear() or streamed.append)
    assert streamed[: len(text.ids)] == text.ids


def test_the_likeliest_text_is_that_of_transformers(model, tiny_tokenizer):
    """GPT-2's learnt positions, and the local attention of GPT-Neo, see the same columns."""
    from transformers import GPTNeoConfig, GPTNeoForCausalLM

    neo = GPTNeoConfig(
        vocab_size=len(tiny_tokenizer),
        **{"hidden_size": 16, "num_layers": 2, "num_heads": 2, "window_size": 8},
        **{"attention_types": [[["global", "local"], 1]], "max_position_embeddings": 128},
    )
    torch.manual_seed(3)
    local = GPTNeoForCausalLM(neo).eval()
    use_fast_attention(local)  # as it is loaded
    for one in (model, local):
        rest = {"do_sample": False, "repetition_penalty": 1.0, "min_length": 128}
        ours = write(one, tiny_tokenizer, candidates=2, batch_size=4, max_length=128, **rest)
        for number, prompt in enumerate(PROMPTS):
            ids = tiny_tokenizer(render_prompt(*prompt), add_special_tokens=False)["input_ids"]
            special = special_tokens(tiny_tokenizer)
            never = sorted(set(tiny_tokenizer.convert_tokens_to_ids(special)))
            theirs = one.generate(
                torch.tensor([ids]),
                attention_mask=torch.ones(1, len(ids), dtype=torch.long),
                do_sample=False,
                max_length=128,
                suppress_tokens=never,
                pad_token_id=tiny_tokenizer.pad_token_id,
            )[0, len(ids) :].tolist()
            assert ours[number, 0].ids == ours[number, 1].ids == theirs


def test_the_likelihood_is_the_models_own(model, tiny_tokenizer):
    """Guidance, penalties and filters decide what is drawn, not how likely the model finds it."""
    config = {"guidance": "hard", "temperature": 0.5, "top_k": 20}
    (text,) = write(model, tiny_tokenizer, PROMPTS[:1], **config).values()
    prompt = encode_prompt(tiny_tokenizer, *PROMPTS[0], settings_of())
    drawn = text.ids + [tiny_tokenizer.eos_token_id] * text.finished
    with torch.no_grad():
        logits = model(torch.tensor([prompt + drawn])).logits[0, len(prompt) - 1 : -1]
    nats = torch.nn.functional.cross_entropy(logits, torch.tensor(drawn), reduction="sum")
    assert text.nats == pytest.approx(float(nats), rel=1e-4)


def test_the_same_seed_writes_the_same(model, tiny_tokenizer):
    first = write(model, tiny_tokenizer, seed=1)
    torch.rand(3)
    assert write(model, tiny_tokenizer, seed=1) == first
    assert write(model, tiny_tokenizer, seed=2) != first


def test_each_text_has_its_own_limits(model, tiny_tokenizer, monkeypatch):
    """The end token waits for min_length, and max_length ends a text: prompt included."""
    bias = torch.zeros(model.lm_head.weight.shape[0])
    bias[tiny_tokenizer.eos_token_id] = 1e4
    head = model.lm_head.forward
    monkeypatch.setattr(model.lm_head, "forward", lambda states: head(states) + bias)
    lengths = [len(encode_prompt(tiny_tokenizer, *prompt, settings_of())) for prompt in PROMPTS]
    assert len(set(lengths)) == 3
    texts = write(model, tiny_tokenizer, min_length=50, max_length=100).values()
    assert [n + len(text.ids) for n, text in zip(lengths, texts, strict=True)] == [50, 50, 50]
    assert all(text.finished for text in texts)
    bias.neg_()
    texts = write(model, tiny_tokenizer, max_length=70).values()
    assert [n + len(text.ids) for n, text in zip(lengths, texts, strict=True)] == [70, 70, 70]
    assert not any(text.finished for text in texts)


def test_a_batch_that_fills_all_positions(model, tiny_tokenizer):
    texts = write(model, tiny_tokenizer, candidates=3, max_length=128, min_length=128)
    assert len(texts) == 9
    assert not any(text.finished for text in texts.values())


def test_special_tokens_are_never_written(model, tiny_tokenizer):
    texts = write(model, tiny_tokenizer, candidates=8, temperature=5.0, max_length=100, top_p=1.0)
    special = set(tiny_tokenizer.all_special_ids) | {0}
    assert not any(special & set(text.ids) for text in texts.values())


def test_lack_of_memory_loses_no_text(model, tiny_tokenizer, monkeypatch, capsys):
    expected = write(model, tiny_tokenizer, candidates=4, batch_size=2)
    forward, calls = batching._Batch.forward, []

    def short_of_memory(batch):
        calls.append(len(batch.sampler.requests))
        if calls[-1] > 3 and len(calls) > 10:
            raise RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate")
        forward(batch)

    monkeypatch.setattr(batching._Batch, "forward", short_of_memory)
    assert write(model, tiny_tokenizer, candidates=4, batch_size=12).keys() == expected.keys()
    again = write(model, tiny_tokenizer, candidates=4, batch_size=12)
    assert [text.ids for text in again.values()] == [text.ids for text in expected.values()]
    said = capsys.readouterr().out
    assert "out of memory; continuing with batches of 6" in said
    assert "batches of 3" in said
    monkeypatch.setattr(batching._Batch, "forward", lambda _: torch.zeros(1)[5])
    with pytest.raises(IndexError):
        write(model, tiny_tokenizer)


def test_the_cache_keeps_what_moves(tiny_tokenizer, model):
    cache = KVCache(1, batch_size=1, max_length=40)
    cache.end = 1
    layer = cache.layers[0]
    for column in range(1, 300):
        cache.first = max(0, cache.end - 30)
        new = torch.full((1, 1, 1, 2), float(column))
        keys, _ = layer.update(new, new)
        assert keys.shape[2] == cache.end - cache.first + 1
        assert keys[0, 0, -1, 0] == column
        if column > 40:
            assert keys[0, 0, :, 0].tolist() == list(range(column - 30, column + 1))
        cache.advance()
        assert cache.end < cache.capacity


def test_slots_are_as_many_as_the_memory_holds(model, monkeypatch):
    def slots(free: float) -> int:
        memory = SimpleNamespace(available=free)
        monkeypatch.setattr(batching.psutil, "virtual_memory", lambda: memory)
        return batch_size_that_fits(model, 128)

    assert slots(2e6) < slots(4e6) <= 64
    assert slots(1) == 1


def drawn(scores, uniform, **settings) -> list[int]:
    config = GenerateConfig(model="m", **{"temperature": 1.0, "top_p": 1.0} | settings)
    scores = torch.tensor(scores).log().expand(len(uniform), -1)
    return pick(scores, torch.tensor(uniform), config).tolist()


def test_random_numbers_decide_what_is_drawn():
    shares = [0.1, 0.5, 0.0, 0.4]
    assert drawn(shares, [0.0, 0.09, 0.11, 0.59, 0.61, 0.9999999]) == [0, 0, 1, 1, 3, 3]
    # From the likeliest on, where they are sorted.
    assert drawn(shares, [0.0, 0.54, 0.56, 0.9999], top_k=2) == [1, 1, 3, 3]
    assert drawn(shares, [0.54, 0.56, 0.9999], top_p=0.85) == [1, 3, 3]
    assert drawn(shares, [0.99], top_p=0.45) == [1]
    assert drawn(shares, [0.99, 0.0], min_p=0.7) == [3, 1]
    assert drawn(shares, [0.99], min_p=0.7, top_p=0.9) == [3]
    assert drawn(shares, [0.99], do_sample=False) == [1]
    assert drawn([0.2, 0.2, 0.6], [0.35], temperature=0.01) == [2]


def test_top_p_of_a_flat_distribution_needs_more_than_the_likeliest():
    scores = torch.zeros(2, 1000)
    scores[0, :10] = 20.0
    config = GenerateConfig(model="m", top_p=0.9, temperature=1.0)
    picked = pick(scores, torch.tensor([0.999, 0.999]), config)
    assert picked[0] < 10
    many = [int(pick(scores[1:], torch.tensor([u / 500]), config)[0]) for u in range(500)]
    assert len(set(many)) > 400


def test_filters_are_those_of_transformers():
    from transformers import NoRepeatNGramLogitsProcessor, RepetitionPenaltyLogitsProcessor

    torch.manual_seed(0)
    ids, scores = torch.randint(0, 6, (4, 30)), torch.randn(4, 20)
    ours = scores.clone()
    penalize_repetition(ours, ids, 1.3)
    assert torch.equal(ours, RepetitionPenaltyLogitsProcessor(1.3)(ids, scores.clone()))
    for n in (1, 2, 3):
        ours = scores.clone()
        forbid_repeated_ngrams(ours, ids, n)
        assert torch.equal(ours, NoRepeatNGramLogitsProcessor(n)(ids, scores.clone()))


def test_a_prompt_without_room_is_named(tiny_tokenizer):
    config = settings_of(max_length=50)
    with pytest.raises(InputError, match='prompt "Engineer .* take .* tokens; max_length is 50'):
        encode_prompt(tiny_tokenizer, "Engineer " * 40, [], config)
    with pytest.raises(InputError, match='prompt "Engineer '):
        fit_keywords(tiny_tokenizer, "Engineer " * 40, ["Python"], config)


def test_keywords_that_do_not_fit_are_named(tiny_tokenizer, capsys):
    words = [f"skill {n}" for n in range(200)]
    kept = fit_keywords(tiny_tokenizer, "Cook", words, settings_of(max_length=100))
    assert 2 < len(kept) < 30
    assert kept == words[: len(kept)]
    said = capsys.readouterr().out
    assert f'prompt "Cook": no room for {200 - len(kept)} keywords: skill {len(kept)}, ' in said
    assert said.endswith("skill 199\n")
    assert fit_keywords(tiny_tokenizer, "Cook", words[:2], settings_of()) == words[:2]


def test_max_length_beyond_the_positions(capsys):
    config = GenerateConfig(model="m", max_length=2400)
    with pytest.raises(InputError, match="beyond the 1024 positions of m; accepted: at most 1024"):
        cap_max_length(config, 1024)
    lowering = config.model_copy(update={"beyond_positions": "lower"})
    assert cap_max_length(lowering, 1024).max_length == 1024
    assert "lowered to 1024" in capsys.readouterr().out
    assert cap_max_length(config, None).max_length == 2400


def test_special_tokens_in_prompts_are_counted(tiny_tokenizer):
    prompts, count = escape_prompts([("a<|SEP|>", ["<|EOS|>b", "c"])], tiny_tokenizer)
    assert (prompts, count) == ([("a< |SEP|>", ["< |EOS|>b", "c"])], 2)


def test_devices():
    assert pick_device("cpu") == "cpu"
    assert pick_device("auto") == ("cuda" if torch.cuda.is_available() else "cpu")
    with pytest.raises(InputError, match="no such GPU"):
        pick_device("cuda:99")
