"""A posting that was written."""

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Posting:
    """A posting that was written; its fields are the columns of the CSV.

    Attributes:
        id: of this text: what it was written for, with which settings, and its number.
        title: of the prompt.
        keywords: of the prompt.
        text: what was written, cleaned.
        seed: of the sampling.
        model: that wrote it.
        finished: whether it ended by itself, within the length limit.
        covered: how many of the keywords it mentions, by stems.
        missing: the others.
        nats_per_token: negative log-likelihood under the model, without guidance.
        repetition: share of its runs of four words that stood in it before.
        memorized_words: longest run of words copied from the training texts; None: not known.
        memorized_share: share of its runs of eight words that stand there; None: not known.
        nearest_training_row: number of the training posting it shares most with; None: with none.
        masculine: gender-coded words (jobgen.wording).
        feminine: the same.
    """

    id: str
    title: str
    keywords: list[str]
    text: str
    seed: int
    model: str
    finished: bool
    covered: int
    missing: list[str]
    nats_per_token: float
    repetition: float
    memorized_words: int | None
    memorized_share: float | None
    nearest_training_row: int | None
    masculine: int
    feminine: int


POSTING_COLUMNS = [field.name for field in fields(Posting)]
