"""Callbacks of a training: samples (`generate_every`) and progress bars."""

from types import SimpleNamespace

import pandas as pd
from conftest import ROOT, assert_same, launcher, metrics, weights
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from transformers import TrainerState

from jobgen.training.callbacks import ProgressBars, sample_metrics


def written(run) -> list[dict]:
    return [line for line in metrics(run) if "generated_coverage" in line]


def test_samples_are_logged_and_change_no_weights(train, tmp_path):
    plain = train("plain", ds_config=None, eval_steps=3)
    assert plain.returncode == 0, plain.stderr[-3000:]
    watched = train("watched", ds_config=None, eval_steps=3, generate_every=2)
    assert watched.returncode == 0, watched.stderr[-3000:]
    assert_same(weights(tmp_path / "watched"), weights(tmp_path / "plain"))
    run = tmp_path / "watched"
    losses = [line["step"] for line in metrics(run) if "eval_loss" in line]
    lines = written(run)
    assert [line["step"] for line in lines] == losses[1::2]
    assert len(lines) >= 3
    for line in lines:
        assert 0 <= line["generated_coverage"] <= 1
        assert line["generated_memorized_words"] >= 0
    assert written(tmp_path / "plain") == []
    (events,) = (run / "tensorboard").rglob("events.*")
    scalars = EventAccumulator(str(events)).Reload()
    tag = "train/generated_coverage"
    assert [event.step for event in scalars.Scalars(tag)] == losses[1::2]
    assert scalars.Scalars("eval/loss")


def test_two_processes(train, tmp_path):
    """Weights that are partitioned between the processes are gathered to generate with."""
    path = str(ROOT / "DS_configs/zero3_several_gpus.json")
    start = launcher("--num_accelerators", "2")
    done = train("two", launcher=start, ds_config=path, max_steps=4, eval_steps=2, generate_every=1)
    assert done.returncode == 0, done.stderr[-3000:]
    assert [line["step"] for line in written(tmp_path / "two")] == [0, 2, 4]


def test_metrics_of_samples():
    rows = pd.DataFrame(
        {
            "keywords": [["a", "b", "c"], ["d"]],
            "covered": [1, 1],
            "finished": [True, False],
            "repetition": [0.5, 0.0],
            "memorized_words": [8, 0],
            "memorized_share": [0.25, 0.0],
        }
    )
    assert sample_metrics(rows) == {
        "generated_coverage": 0.5,
        "generated_finished": 0.5,
        "generated_repetition": 0.25,
        "generated_memorized_words": 4,
        "generated_memorized_share": 0.125,
    }
    none = rows.assign(keywords=[[], []], covered=0)
    assert "generated_coverage" not in sample_metrics(none)


def test_progress_bars(capsys):
    """A resumed training starts at its step; only the main process shows bars."""
    for is_main in (True, False):
        bars = ProgressBars(SimpleNamespace(mean_loss=lambda: 1.5))
        state = TrainerState(global_step=4, max_steps=6, is_world_process_zero=is_main)
        bars.on_prediction_step(None, state, None, eval_dataloader=[1, 2])
        bars.on_evaluate(None, state, None)
        before_steps = capsys.readouterr().err
        bars.on_step_begin(None, state, None)
        bars.on_step_end(None, state, None)
        bars.on_log(None, state, None, logs={"loss": 1.25, "total_flos": 3.0})
        bars.on_train_end(None, state, None)
        said = capsys.readouterr()
        assert ("evaluation" in before_steps and "/2 [" in before_steps) == is_main
        assert "training" not in before_steps
        assert ("4/6" in said.err and "5/6" in said.err and "loss=1.5000" in said.err) == is_main
        assert said.out == ("step 4: loss 1.25\n" if is_main else "")
