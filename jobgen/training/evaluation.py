"""Held-out figures of a model outside a training: as a whole, and posting by posting."""

from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from jobgen.common.config import TrainConfig
from jobgen.common.errors import InputError
from jobgen.training.arguments import evaluation_arguments
from jobgen.training.dataset import PostingDataset
from jobgen.training.trainer import PostingTrainer


@contextmanager
def evaluation_trainer(
    model: Any, config: TrainConfig, tokenizer: Any, test_set: PostingDataset
) -> Iterator[PostingTrainer]:
    """A Trainer that only evaluates, without a run folder."""
    with TemporaryDirectory() as folder:
        arguments = evaluation_arguments(config, folder)
        yield PostingTrainer(model, arguments, config, tokenizer, None, test_set)


def posting_likelihoods(
    model: Any, config: TrainConfig, tokenizer: Any, frame: pd.DataFrame
) -> pd.DataFrame:
    """How unlikely each text is, given its title and first 8 keywords.

    Returns:
        Columns `nats` and `tokens` (of the text and its end token), indexed by the row's number in
        the frame, from 0; rows longer than `max_length` tokens are left out.
    """
    try:
        test_set = PostingDataset(frame, tokenizer, config.max_length)
    except InputError:  # no row fits
        return pd.DataFrame({"nats": [], "tokens": []})
    with evaluation_trainer(model, config, tokenizer, test_set) as trainer:
        output = trainer.evaluation_loop(trainer.get_eval_dataloader(), "nats", False)
    columns = {"nats": output.predictions, "tokens": output.label_ids}
    return pd.DataFrame(columns, index=test_set.rows)
