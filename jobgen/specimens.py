"""Texts that a model writes while it is trained, so that more than its loss can be watched."""

from collections.abc import Callable

import pandas as pd
from transformers import TrainerCallback

from jobgen.dataset import PostingDataset
from jobgen.trainer import PostingTrainer, evaluated_steps

PROMPTS = 4  # the first ones held out


class WriteSpecimens(TrainerCallback):
    """Logs, after every so many evaluations, the figures of texts for the first held-out prompts.

    Args:
        trainer: whose evaluations count.
        prompts: the held-out postings.
        write: titles and lists of keywords -> `NLP_model.generate`'s table.
        every: evaluations.
    """

    def __init__(
        self,
        trainer: PostingTrainer,
        prompts: PostingDataset,
        write: Callable[[list[str], list[list[str]]], pd.DataFrame],
        every: int,
    ):
        self.trainer, self.write, self.every = trainer, write, every
        rows = range(min(PROMPTS, len(prompts)))
        self.titles = [prompts.titles[row] for row in rows]
        self.keywords = [prompts.drawn_keywords(row) for row in rows]

    def on_evaluate(self, args, state, control, **kwargs):
        """Write and log; nothing outside a training, or where it is asked to stop."""
        due = self.trainer.is_in_train and len(evaluated_steps(state)) % self.every == 0
        if not due or self.trainer.is_asked_to_stop():
            return
        training = self.trainer.model.training
        self.trainer.log(specimen_figures(self.write(self.titles, self.keywords)))
        self.trainer.model.train(training)


def specimen_figures(postings: pd.DataFrame) -> dict[str, float]:
    """Means over the texts; of coverage, the share of all keywords."""
    asked = postings["keywords"].str.len().sum()
    coverage = {"generated_coverage": float(postings["covered"].sum() / asked)} if asked else {}
    return coverage | {
        "generated_finished": float(postings["finished"].mean()),
        "generated_repetition": float(postings["repetition"].mean()),
        "generated_copied_words": float(postings["copied_words"].mean()),
        "generated_copied_share": float(postings["copied_share"].mean()),
    }
