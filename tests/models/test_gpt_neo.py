"""GPT-Neo's attention: the same as transformers' own, faster and with less memory."""

import copy

import pytest
import torch
from transformers import AutoModelForCausalLM, GPTNeoConfig, GPTNeoForCausalLM

from jobgen.models.gpt_neo import use_fast_attention
from jobgen.models.loading import load_model

WINDOW = 256


@pytest.fixture(scope="module")
def models():
    """One with transformers' attention, and one with the same weights and ours."""
    torch.manual_seed(0)
    config = GPTNeoConfig(
        vocab_size=300,
        **{"hidden_size": 64, "num_layers": 4, "num_heads": 4, "window_size": WINDOW},
        **{"attention_types": [[["global", "local"], 2]], "max_position_embeddings": 1024},
    )
    eager = GPTNeoForCausalLM(config).eval()
    with torch.no_grad():
        for name, weight in eager.named_parameters():
            if "q_proj" in name or "k_proj" in name:
                weight.mul_(4)  # or attention would be nearly even
    assert eager.config._attn_implementation == "eager"
    ours = copy.deepcopy(eager)
    use_fast_attention(ours)
    return eager, ours


def ids_of(rows: int, length: int) -> torch.Tensor:
    return torch.randint(300, (rows, length), generator=torch.Generator().manual_seed(length))


def assert_same(eager, ours, **inputs) -> None:
    """Logits, and gradients of all weights, agree."""
    gradients = []
    where = inputs.get("attention_mask", torch.ones_like(inputs["input_ids"])).bool()
    logits = []
    for model in (eager, ours):
        model.zero_grad()
        logits.append(model(**inputs).logits[where])
        logits[-1].square().mean().backward()
        gradients.append(torch.cat([weight.grad.ravel() for weight in model.parameters()]))
    torch.testing.assert_close(logits[1], logits[0], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(gradients[1], gradients[0], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("length", [1, 2, 17, 255, 256, 257, 300, 511, 700, 1023, 1024])
def test_all_lengths(models, length):
    assert_same(*models, input_ids=ids_of(2, length))


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("length", [9, 300, 1024])
def test_padding(models, length, side):
    mask = torch.ones(3, length, dtype=torch.long)
    for row, missing in enumerate((0, length // 3, length - 2)):
        mask[row, slice(0, missing) if side == "left" else slice(length - missing, None)] = 0
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    assert_same(*models, input_ids=ids_of(3, length), attention_mask=mask, position_ids=positions)


@pytest.mark.parametrize("lengths", [(5, 1, 9), (300, 260, 464), (1, 1023)])
def test_packed_rows(models, lengths):
    """Positions that start again: no token sees another posting, near or far."""
    eager, ours = models
    ids = ids_of(1, sum(lengths))
    positions = torch.cat([torch.arange(length) for length in lengths])[None]
    assert_same(eager, ours, input_ids=ids, position_ids=positions, use_cache=False)
    with torch.no_grad():
        packed = ours(input_ids=ids, position_ids=positions, use_cache=False).logits[0]
        alone = [ours(part).logits[0] for part in ids.split(lengths, dim=1)]
    torch.testing.assert_close(packed, torch.cat(alone), rtol=1e-4, atol=1e-4)


def test_written_text(models):
    """Token by token from a cache, beyond the window, beside a row that is padded."""
    eager, ours = models
    mask = torch.ones(2, 250, dtype=torch.long)
    mask[1, :100] = 0
    settings = {"attention_mask": mask, "do_sample": False, "max_new_tokens": 60}
    settings |= {"min_new_tokens": 60, "pad_token_id": 0}
    written = [model.generate(ids_of(2, 250), **settings) for model in (eager, ours)]
    assert torch.equal(*written)


def test_it_is_what_is_loaded(models, tiny_tokenizer, tmp_path):
    models[0].save_pretrained(tmp_path)
    loaded = load_model(tmp_path, tiny_tokenizer)
    assert type(loaded.transformer.h[0].attn.attention) is type(
        models[1].transformer.h[0].attn.attention
    )
    assert loaded.config._attn_implementation == "sdpa"


def test_others_stay_as_they_are(tiny_model):
    model = AutoModelForCausalLM.from_pretrained(tiny_model)
    kinds = [type(module) for module in model.modules()]
    use_fast_attention(model)
    assert [type(module) for module in model.modules()] == kinds


def test_no_weights_of_attention_are_kept(models):
    """(T, T) of each head, which eagerly are the largest that the backward pass waits for."""
    largest = []
    for model in models:
        sizes = []

        def keep(tensor, sizes=sizes):
            sizes.append(tensor.untyped_storage().nbytes())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            model(ids_of(2, 1024))
        largest.append(max(sizes))
    weights = 4 * 2 * 4 * 1024**2  # float32, two rows, four heads
    assert largest[1] < weights / 4 < weights <= largest[0]
