"""Causal language models of many architectures: each trains, is exported and writes, or is refused.

Tiny ones with random weights, through the scripts.
"""

import csv
import json

import pytest
from conftest import run_script
from transformers import AutoConfig, AutoModelForCausalLM, set_seed

# Names of the same numbers differ between architectures; each takes those that it knows.
SHAPE = {
    **{"hidden_size": 32, "n_embd": 32, "d_model": 32, "model_dim": 32},
    **{"num_hidden_layers": 2, "n_layer": 2, "num_layers": 2, "n_layers": 2},
    **{"num_attention_heads": 4, "n_head": 4, "num_heads": 4, "n_heads": 4, "attention_heads": 4},
    **{"num_key_value_heads": 2, "head_dim": 8, "intermediate_size": 64, "ffn_dim": 64},
    **{"max_position_embeddings": 128, "n_positions": 128, "max_seq_len": 128, "n_inner": 64},
    **{"rotary_dim": 8, "word_embed_proj_dim": 32, "num_experts": 4, "num_experts_per_tok": 2},
    **{"num_local_experts": 4, "moe_intermediate_size": 32, "shared_expert_intermediate_size": 32},
    **{"attention_hidden_size": 32, "n_ctx": 128, "ffn_hidden_size": 64},
}
ARCHITECTURES = (
    "bert biogpt bloom codegen cohere falcon gemma gemma2 gemma3_text glm gpt2 gpt_bigcode gpt_neo"
    " gpt_neox gptj granite helium llama mamba mistral mixtral mpt nemotron olmo olmo2 openai-gpt"
    " opt persimmon phi phi3 qwen2 qwen2_moe qwen3 roberta smollm3 stablelm starcoder2 xglm"
).split()
REFUSED = {
    "bert": "reads the tokens that it is to predict",
    "roberta": "reads the tokens that it is to predict",
    "mamba": "has no key-value cache",
    "openai-gpt": "has no key-value cache",
    # Its position embeddings leave out the number of the padding token, which is none of its 128.
    "xglm": "with our special tokens cannot be loaded",
}
EXTRA = {"gpt_neo": {"attention_types": [[["global", "local"], 1]]}}


@pytest.mark.slow
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_trained_exported_and_generated_from(train, tiny_tokenizer, tmp_path, name):
    known = AutoConfig.for_model(name)
    shape = {key: value for key, value in SHAPE.items() if key in known.to_dict()}
    ids = {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 1}
    size = {"vocab_size": len(tiny_tokenizer)}
    config = AutoConfig.for_model(name, **shape | EXTRA.get(name, {}) | ids | size)
    set_seed(0)
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path / "base")
    tiny_tokenizer.save_pretrained(tmp_path / "base")

    done = train("run", model=str(tmp_path / "base"), ds_config=None, max_steps=3)
    assert "Traceback" not in done.stderr, done.stderr[-3000:]
    if name in REFUSED:
        assert done.returncode == 2
        assert REFUSED[name] in done.stderr
        assert not (tmp_path / "run/metrics.jsonl").exists()
        return
    assert done.returncode == 0, done.stderr[-3000:]
    settings = {
        **{"model": str(tmp_path / "run/trained_model"), "output_dir": str(tmp_path)},
        **{"max_length": 60, "num_return_sequences": 2, "half_precision": False},
        "prompts": [{"title": "Cook", "keywords": "soup, fresh bread"}, {"title": "Nurse"}],
    }
    (tmp_path / "generate.json").write_text(json.dumps(settings))
    done = run_script("cli_generate_text.py", "-cfg", str(tmp_path / "generate.json"))
    assert done.returncode == 0, done.stderr[-3000:]
    with (tmp_path / "postings.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4
    # Beside the text itself, the likelihood that the engine reports is the model's own.
    assert all(float(row["nats_per_token"]) > 0 for row in rows)
