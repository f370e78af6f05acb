"""Each setting of the optimization has its effect, in trainings within this process."""

import json
import os
import signal
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import ZERO_2, assert_same, metrics, postings
from safetensors.torch import load_file
from transformers import EvalPrediction, TrainerCallback

from jobgen.common.config import TrainConfig
from jobgen.common.errors import InputError
from jobgen.models.loading import computes_bfloat16
from jobgen.training import arguments as training
from jobgen.training.arguments import check_settings
from jobgen.training.checkpoints import (
    checkpoints_folder,
    latest_valid_checkpoint,
    list_checkpoints,
)
from jobgen.training.trainer import PostingTrainer
from utils import NLP_model


@pytest.fixture
def fit(no_dropout, tmp_path):
    """Train a tiny model for some steps, without DeepSpeed unless a file of it is given."""

    def run(
        name="run",
        steps=3,
        resume=False,
        test=None,
        callbacks=(),
        before_training=lambda nlp: None,
        **settings,
    ):
        config = {
            **{"model": str(no_dropout), "output_dir": str(tmp_path / name), "max_length": 128},
            **{"max_steps": steps, "lr": 1e-3, "warmup_steps": 0, "lr_schedule": "linear"},
            **{"half_precision": False, "report_to": [], "logging_steps": 1},
        } | settings
        nlp = NLP_model(config)
        before_training(nlp)
        nlp.train(postings(12), test, resume, callbacks)
        return nlp

    return run


def weights(nlp) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().clone() for name, tensor in nlp.model.named_parameters()}


def largest_difference(first, second) -> float:
    assert first.keys() == second.keys()
    return max(float((first[name] - second[name]).abs().max()) for name in first)


@pytest.mark.parametrize(
    "settings",
    [{"micro_batch_size": 1, "gradient_accumulation_steps": 4}, {"gradient_checkpointing": True}],
    ids=["accumulation", "checkpointing"],
)
def test_less_memory_and_the_same_weights(fit, settings):
    plain = weights(fit("plain", micro_batch_size=4))
    saving = fit("saving", **{"micro_batch_size": 4} | settings)
    assert saving.model.is_activation_checkpointing == ("gradient_checkpointing" in settings)
    assert largest_difference(plain, weights(saving)) < 1e-5
    assert largest_difference(plain, weights(fit("other", micro_batch_size=2))) > 1e-4


def test_weights_decay_but_biases_and_norms(fit):
    without, with_decay = (
        weights(fit(f"decay {decay}", steps=1, weight_decay=decay)) for decay in (0, 0.5)
    )
    decayed = {name for name in without if not torch.equal(without[name], with_decay[name])}
    assert decayed == {
        name for name, weight in without.items() if not name.endswith("bias") and ".ln_" not in name
    }
    name = "transformer.h.0.mlp.c_fc.weight"
    assert float(with_decay[name].norm() / without[name].norm()) == pytest.approx(0.9995, abs=1e-4)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("linear", [0, 0.5, 1, 0.75, 0.5, 0.25]),
        ("cosine", [0, 0.5, 1, 0.8536, 0.5, 0.1464]),
        ("constant_with_warmup", [0, 0.5, 1, 1, 1, 1]),
    ],
)
def test_schedules(fit, tmp_path, schedule, expected):
    fit(steps=6, warmup_steps=2, lr=1, lr_schedule=schedule, max_grad_norm=1e-9)
    rates = [line["learning_rate"] for line in metrics(tmp_path / "run") if "loss" in line]
    assert rates == pytest.approx(expected, abs=1e-4)


def test_clipping_and_epsilon(no_dropout, fit):
    """Adam divides by a gradient's own size; with a large epsilon it takes steps of that size."""
    start = weights(NLP_model({"model": str(no_dropout), "max_length": 128}))

    def step(name, **settings) -> float:
        after = weights(fit(name, steps=1, weight_decay=0, **settings))
        return largest_difference(start, after)

    usual, whole = step("usual", max_grad_norm=0), step("whole", max_grad_norm=0, eps=1)
    assert usual == pytest.approx(1e-3, rel=0.01)
    assert whole < usual / 2
    assert step("clipped", max_grad_norm=1e-3, eps=1) < whole / 50


def test_fused_optimizer_and_attention(fit):
    nlp = fit(steps=1)
    assert nlp.trainer.optimizer.defaults["fused"]
    assert nlp.model.config._attn_implementation == "sdpa"


def losses(run: Path) -> list[float]:
    return [line["loss"] for line in metrics(run) if "loss" in line]


def test_8_bit_adamw_learns_as_adamw_does(fit, tmp_path):
    settings = {"steps": 12, "lr": 1e-2, "max_grad_norm": 0}
    fit("32", **settings)
    nlp = fit("8", optimizer="adamw_8bit", **settings)
    state = nlp.trainer.optimizer.state[nlp.model.get_input_embeddings().weight]
    assert state["exp_avg"].codes.dtype == torch.uint8
    expected, found = losses(tmp_path / "32"), losses(tmp_path / "8")
    assert expected[0] - expected[-1] > 0.5
    assert found == pytest.approx(expected, abs=0.02)
    assert found[1:] != expected[1:]
    # Updating each weight as soon as its gradient is computed, or all at the end: the same.
    within = fit("within", optimizer="adamw_8bit_in_backward", **settings)
    assert_same(weights(within), weights(nlp))
    assert losses(tmp_path / "within") == found
    # Gradients that are gone have no norm.
    norms = {name: "grad_norm" in metrics(tmp_path / name)[0] for name in ("8", "within")}
    assert norms == {"8": True, "within": False}


def test_steps_within_the_backward_pass_keep_no_gradients(fit):
    """There is never more than one gradient, even of the embeddings, which the head shares."""
    seen = []

    def count(nlp) -> None:
        everything = list(nlp.model.parameters())
        for weight in everything:
            weight.register_post_accumulate_grad_hook(
                lambda _: seen.append(sum(other.grad is not None for other in everything))
            )

    settings = {"optimizer": "adamw_8bit_in_backward", "max_grad_norm": 0}
    nlp = fit(steps=2, gradient_checkpointing=True, before_training=count, **settings)
    assert seen == [1] * 2 * len(list(nlp.model.parameters()))


@pytest.mark.parametrize("optimizer", ["adamw_8bit", "adamw_8bit_in_backward"])
def test_resuming_with_8_bits(tiny_model, fit, tmp_path, optimizer):
    """Bit by bit; in bf16, where the hardware computes it, the weights are rounded at random."""
    steady = {"model": str(tiny_model), "lr_schedule": "cosine", "save_steps": 2}
    steady |= {"optimizer": optimizer, "max_grad_norm": 0, "half_precision": True}
    whole = weights(fit("whole", steps=6, **steady))
    fit("half", steps=6, callbacks=[StopAt(4)], **steady)
    assert latest_valid_checkpoint(tmp_path / "half").name == "checkpoint-4"
    resumed = fit("half", steps=6, resume=True, **steady)
    assert_same(weights(resumed), whole)
    in_16_bits = computes_bfloat16(torch.device("cpu"))
    assert {weight.dtype for weight in whole.values()} == {
        torch.bfloat16 if in_16_bits else torch.float32
    }


class StopAt(TrainerCallback):
    """Ends a training after so many steps."""

    def __init__(self, step):
        self.step = step

    def on_step_end(self, args, state, control, **kwargs):
        control.should_training_stop |= state.global_step == self.step


@pytest.mark.parametrize(
    ("settings", "precision", "message"),
    [
        ({"max_grad_norm": 1}, "bf16", "max_grad_norm = 1.0  expected 0"),
        ({"gradient_accumulation_steps": 2}, "bf16", "accumulation_steps = 2  expected 1"),
        ({"ds_config": ZERO_2}, "bf16", "works without DeepSpeed only: ds_config=null"),
        ({}, "fp16", "needs a GPU that computes bf16"),
    ],
)
def test_settings_that_8_bits_exclude(monkeypatch, tiny_model, settings, precision, message):
    config = {"optimizer": "adamw_8bit_in_backward", "max_grad_norm": 0} | settings
    with pytest.raises(InputError, match=message):
        check_settings(TrainConfig(**config), precision)
    with pytest.raises(InputError, match=message):  # also without the script
        monkeypatch.setattr(training, "precision_of", lambda config: precision)
        NLP_model(config | {"model": str(tiny_model), "max_length": 128}).train(postings(4))


def test_settings_that_8_bits_allow(monkeypatch):
    within = TrainConfig(optimizer="adamw_8bit_in_backward", max_grad_norm=0)
    after = TrainConfig(optimizer="adamw_8bit", gradient_accumulation_steps=2)
    for config in (within, after):
        check_settings(config, "bf16")
    monkeypatch.setenv("WORLD_SIZE", "2")
    for config in (within, after):
        with pytest.raises(InputError, match="processes of the launcher = 2  expected 1"):
            check_settings(config, "bf16")
    monkeypatch.setenv("WORLD_SIZE", "1")
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(InputError, match="no-such-compiler is not installed; install g"):
        check_settings(after, "bf16")


def test_a_second_training_of_the_same_weights(fit):
    """The hooks of the first training are removed."""
    settings = {"optimizer": "adamw_8bit_in_backward", "max_grad_norm": 0, "report_to": []}
    nlp = fit(steps=2, **settings)
    after_first = weights(nlp)
    nlp.train(postings(12))
    assert largest_difference(weights(nlp), after_first) > 1e-4
    assert not any(weight._post_accumulate_grad_hooks for weight in nlp.model.parameters())


def test_evaluation_of_the_first_rows(no_dropout):
    nlp = NLP_model({"model": str(no_dropout), "max_length": 128, "eval_rows": 3})
    assert len(nlp.test_set(postings(7))) == 3


def test_resuming_without_deepspeed(tiny_model, fit, tmp_path):
    """In the middle of an epoch, with dropout and accumulated gradients; past a corrupted one."""
    steady = {"model": str(tiny_model), "lr_schedule": "constant_with_warmup", "save_steps": 2}
    steady |= {"micro_batch_size": 1, "gradient_accumulation_steps": 2}
    whole = weights(fit("whole", steps=10, **steady))
    fit("half", steps=8, **steady)
    newest = latest_valid_checkpoint(tmp_path / "half")
    assert newest.name == "checkpoint-8"
    cut = newest / "model.safetensors"
    cut.write_bytes(cut.read_bytes()[:-1])
    assert_same(weights(fit("half", steps=10, resume=True, **steady)), whole)


# A DeepSpeed file with its own optimizer and schedule, like those of the original project.
OWN_OPTIMIZER = json.loads(Path(ZERO_2).read_text()) | {
    "optimizer": {"type": "AdamW", "params": {"torch_adam": True}},
    "scheduler": {"type": "WarmupLR"},
}


@pytest.mark.parametrize("engine", [None, json.loads(Path(ZERO_2).read_text()), OWN_OPTIMIZER])
def test_resuming_with_other_settings(fit, tmp_path, engine):
    """The first step after the resume follows the new schedule already."""
    if engine:
        (tmp_path / "ds.json").write_text(json.dumps(engine))
    steady = {"ds_config": str(tmp_path / "ds.json") if engine else None, "save_steps": 2}
    fit(steps=2, logging_steps=2, weight_decay=0, **steady)
    new = {"lr": 1e-5, "weight_decay": 0.5, "eps": 1e-6, "lr_schedule": "cosine"}
    nlp = fit(steps=6, resume=True, **steady, **new)
    logged = {x["step"]: x["learning_rate"] for x in metrics(tmp_path / "run") if "loss" in x}
    assert list(logged) == [2, 3, 4, 5, 6]
    rates = [logged[step] for step in range(3, 7)]
    schedule = [1, 1, 1, 1] if engine is OWN_OPTIMIZER else [0.75, 0.5, 0.25, 0.067]
    assert rates == pytest.approx([1e-5 * share for share in schedule], abs=1e-8)
    groups = nlp.trainer.optimizer.param_groups
    assert {group["eps"] for group in groups} == {1e-6}
    decays = [0.5] if engine is OWN_OPTIMIZER else [0.5, 0]
    assert [group["weight_decay"] for group in groups] == decays


class StopInEvaluation(TrainerCallback):
    """Asks for a stop at the second batch of the evaluation after a step."""

    def __init__(self, step: int):
        self.step, self.batches = step, 0

    def on_prediction_step(self, args, state, control, **kwargs):
        self.batches += state.global_step == self.step
        if self.batches == 2:
            os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.parametrize("ds_config", [None, ZERO_2])
def test_stopped_in_an_evaluation(tiny_model, fit, tmp_path, ds_config):
    """The first one, one within an epoch, one at its end, and the last one, which is the best."""
    steady = {"model": str(tiny_model), "ds_config": ds_config, "steps": 8, "test": postings(12)}
    steady |= {"eval_steps": 2, "save_steps": 100, "micro_batch_size": 3, "save_total_limit": 1}
    whole = weights(fit("whole", **steady))
    for step in (0, 2, 4, 8):
        stop = StopInEvaluation(step)
        with pytest.raises(KeyboardInterrupt, match=f"checkpoint-{step}" if step else "^No check"):
            fit(resume=True, callbacks=[stop], **steady)
        assert stop.batches == 2  # of 4
        log = metrics(tmp_path / "run") if step else []
        assert step not in {line["step"] for line in log if "eval_loss" in line}
    assert_same(weights(fit(resume=True, **steady)), whole)
    figures = [
        [
            (line["step"], line.get("loss"), line.get("eval_loss"))
            for line in metrics(tmp_path / name)
            if "loss" in line or "eval_loss" in line
        ]
        for name in ("whole", "run")
    ]
    assert figures[0] == figures[1]


def test_the_latest_checkpoint_is_kept_beside_the_best(fit, tmp_path):
    """The learning rate rises until it is far too high: the last evaluation is not the best."""
    every = {"lr": 1, "warmup_steps": 3, "eval_steps": 1, "save_steps": 1, "save_total_limit": 1}
    fit(test=postings(4), **every)
    found = list_checkpoints(checkpoints_folder(tmp_path / "run"))
    assert [path.name for path in found] == ["checkpoint-2", "checkpoint-3"]


def test_a_training_that_was_stopped_early_stays_stopped(fit):
    """Started again, as after an interruption of its export, it takes no further step."""
    settings = {"lr": 1, "eval_steps": 1, "save_steps": 1, "early_stopping": 2, "steps": 40}
    first = fit(test=postings(4), **settings)
    last = first.trainer.state.global_step
    assert 2 < last < 40
    again = fit(test=postings(4), resume=True, **settings)
    assert again.trainer.state.global_step == last
    assert_same(weights(again), weights(first))


class CorruptBest(TrainerCallback):
    """Cuts the weights of the best checkpoint off before the last step."""

    def on_step_begin(self, args, state, control, **kwargs):
        if state.global_step == state.max_steps - 1:
            file = Path(state.best_model_checkpoint) / "model.safetensors"
            file.write_bytes(file.read_bytes()[:-1])


def test_a_corrupted_best_checkpoint_is_not_loaded(fit, capsys):
    """The last weights are kept instead, and that is said."""
    every = {"lr": 1, "warmup_steps": 3, "eval_steps": 1, "save_steps": 1}
    nlp = fit(test=postings(4), callbacks=[CorruptBest()], **every)
    said = capsys.readouterr().out
    assert "checkpoint-2 cannot be used: model.safetensors was altered or cut off" in said
    last = load_file(f"{nlp.trainer.args.output_dir}/checkpoint-3/model.safetensors")
    kept = weights(nlp)
    assert all(torch.equal(kept[name], last[name]) for name in kept)


def test_metrics_of_an_evaluation():
    trainer = SimpleNamespace(eval_dataset=SimpleNamespace(n_bytes=200))
    nats, tokens = np.array([100.0, 38.6294361]), np.array([60, 40])
    found = PostingTrainer._held_out_metrics(trainer, EvalPrediction(nats, tokens))
    assert found == pytest.approx(
        {
            "nats_per_byte": 0.69314718,
            "bits_per_byte": 1.0,
            "nats_per_token": 1.38629436,
            "perplexity": 4.0,
        }
    )


@pytest.mark.parametrize("tail", [b"\0" * 300 + b"\n", b'{"step": 4, "lo', b"\xff\n"])
def test_a_damaged_line_of_the_metrics_is_left_out(fit, tmp_path, capsys, tail):
    fit(steps=2, save_steps=2)
    log = tmp_path / "run" / "metrics.jsonl"
    log.write_bytes(log.read_bytes() + tail)
    fit(steps=4, resume=True)
    assert f"warning: line 4 of {log} cannot be read" in capsys.readouterr().out
    logged = [line["step"] for line in metrics(tmp_path / "run") if "loss" in line]
    assert logged == [1, 2, 3, 4]


def test_a_full_disk_for_the_log(fit, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run/metrics.jsonl").symlink_to("/dev/full")
    with pytest.raises(
        InputError, match=r"metrics.jsonl cannot be written \(.*No space.*the same command resumes"
    ):
        fit()


def test_weights_that_are_not_finite_are_not_saved(fit, tmp_path):
    """The loss of the step is finite, its gradient is not."""

    def poison(nlp):
        norm, calls = nlp.model.transformer.ln_f.weight, []

        def spoil(gradient):
            calls.append(gradient)
            return gradient * float("nan") if len(calls) == 4 else gradient

        norm.register_hook(spoil)

    with pytest.raises(
        InputError, match=r"step 4: weights became NaN after a non-finite gradient.*A lower lr"
    ):
        fit(steps=6, save_steps=2, before_training=poison)
    assert latest_valid_checkpoint(tmp_path / "run").name == "checkpoint-2"


def test_evaluations_change_no_weights(tiny_model, fit):
    """With dropout: the random numbers of a training do not depend on its evaluations."""
    settings = {"model": str(tiny_model), "keep_best": False, "eval_steps": 1}
    with_evaluations = fit("with", test=postings(4), **settings)
    assert_same(weights(with_evaluations), weights(fit("without", **settings)))
