"""A generated posting."""

from dataclasses import dataclass, fields

from jobgen.text.characters import remove_control_characters
from jobgen.text.redaction import redact_contacts


@dataclass(frozen=True)
class Posting:
    """A generated posting; its fields are the columns of the CSV.

    Attributes:
        id: tells this text from all others, by its prompt, settings and number.
        title: the job title of the prompt.
        keywords: the keywords of the prompt.
        text: what was written, after cleaning.
        seed: the seed of the sampling.
        model: the model that wrote it.
        finished: whether it ended by itself, before the length limit.
        covered: how many of the keywords it mentions, by stems.
        missing: the keywords that it does not mention.
        nats_per_token: negative log-likelihood under the model, without guidance.
        repetition: share of its 4-grams of words that occurred in it before.
        memorized_words: words of its longest memorized span, which the training texts have in a
            row; None: not known.
        memorized_share: share of its 8-grams of words that occur in the training texts; None: not
            known.
        nearest_training_row: number of the training posting that it shares most with; None: none.
        masculine: number of masculine-coded words (`jobgen.text.wording`).
        feminine: number of feminine-coded words.
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


def clean(text: str) -> str:
    """What is judged and kept of a written text: contact data replaced, no control characters."""
    return redact_contacts(remove_control_characters(text).strip())[0]
