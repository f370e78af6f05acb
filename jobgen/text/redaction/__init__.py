"""Redact personal data: pure text functions that remove contact data from a posting.

The e-mail addresses, links, phone numbers and names of contacts in a posting say nothing about the
job, and a model trained on them would repeat them. Each rule takes a clean text and returns it with
placeholders such as `[phone]`, and the number of its replacements. The rule for names runs last,
because `Jane Doe` on a line above `[phone]` is a contact.

In the patterns, every repetition that can start anywhere is bounded, so that the time is linear in
the length of the text.
"""

import re
from collections.abc import Callable, Sequence
from functools import partial

from jobgen.text.redaction.emails import redact_emails
from jobgen.text.redaction.links import redact_links
from jobgen.text.redaction.masks import replace_masks
from jobgen.text.redaction.names import redact_names
from jobgen.text.redaction.patterns import PLACEHOLDER
from jobgen.text.redaction.phones import redact_phones

# Characters; longer text without a full stop is a scraped list in one line, not a sentence.
_LONGEST_SENTENCE = 600
# What is left of an item of a list: its mark or number.
_EMPTY_FIELD = re.compile(r"[• ]{0,3}(?:\d{1,3}[.)])?[ ]{0,3}\Z")

RULES: dict[str, Callable[[str], tuple[str, int]]] = {
    "masks of anonymisers": replace_masks,
    "e-mail addresses": redact_emails,
    "links": redact_links,
    "phone numbers": redact_phones,
    "names of contacts": redact_names,
}
MODES = ("replace", "remove", "keep")
_SENTENCE_END = re.compile(
    r"(?<=[.!?])(?<!\bMr\.)(?<!\bMs\.)(?<!\bDr\.)(?<!\bMrs\.)(?<!\bSr\.)(?<!\bJr\.)(?<!\bInc\.)"
    r"(?<!\be\.g\.)(?<!\bi\.e\.)[ ]+(?=[^\W_a-z]|[\[(\"“])"
)


def redact_contacts(text: str) -> tuple[str, int]:
    """Replace e-mail addresses, links and phone numbers; also return how many there were."""
    total = 0
    for rule in (redact_emails, redact_links, redact_phones):
        text, count = rule(text)
        total += count
    return text, total


def _without_contacts(field: str) -> str:
    """A line, or one of the fields that bars part in it, without its sentences with contacts."""
    return " ".join(
        sentence
        for sentence in _SENTENCE_END.split(field)
        if len(sentence) > _LONGEST_SENTENCE or not PLACEHOLDER.search(sentence)
    )


def _remove_sentences(text: str) -> str:
    r"""Remove the sentences that contain a placeholder, and the lines that are empty then.

    Bars part a line into fields, each with its own sentences.

    >>> _remove_sentences("We build bikes. Call [phone].\n• [link]\nApply!")
    'We build bikes.\nApply!'
    """
    lines = []
    for line in text.split("\n"):
        if PLACEHOLDER.search(line):
            bullet = "• " if line.startswith("• ") else ""
            fields = map(_without_contacts, line.removeprefix(bullet).split(" | "))
            line = " | ".join(field for field in fields if not _EMPTY_FIELD.match(field))
            if not line:
                continue
            line = bullet + line
        lines.append(line)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def redact_personal_data(
    text: str, mode: str, regions: Sequence[str] | None = None
) -> tuple[str, dict[str, int]]:
    """Apply all rules.

    Args:
        text: a clean text, with single spaces and `• ` as its only bullet.
        mode: "replace" puts a placeholder in place of personal data; "remove" removes the sentence,
            line or list item that contains it (of more than 600 characters without the end of a
            sentence, it replaces only the personal data); "keep" changes nothing.
        regions: ISO codes of the countries whose national telephone numbers are looked for, such as
            "FR"; None takes them from the text.

    Returns:
        The text, and for each rule the number of its matches, 0 if the mode is "keep".

    Raises:
        ValueError: the mode is unknown.

    >>> redact_personal_data("We ride. Write to jane@example.com.", "remove")[0]
    'We ride.'
    """
    if mode not in MODES:
        raise ValueError(f"mode = {mode!r}: expected one of {', '.join(MODES)}")
    counts = dict.fromkeys(RULES, 0)
    if mode == "keep":
        return text, counts
    # Of the text as it came: the endings of its addresses tell where it is from.
    phones = partial(redact_phones, regions=regions, origin=text)
    for name, rule in (RULES | {"phone numbers": phones}).items():
        text, counts[name] = rule(text)
    if mode == "remove" and PLACEHOLDER.search(text):
        text = _remove_sentences(text)
    return text, counts
