"""Pure text functions that take people's contact data out of a posting.

A posting's e-mail addresses, links, telephone numbers and names of contacts say nothing of the job,
and a model trained on them would repeat them. Each rule takes a clean text and returns it with
neutral forms such as `[phone]` and the number of places that it changed. The rule for names runs
last, because `Jane Doe` on a line above `[phone]` is a contact.

All repetitions that can start anywhere are bounded, so that the time grows with the length only.
"""

import re
from collections.abc import Callable

from jobgen.text.redaction.emails import redact_emails
from jobgen.text.redaction.links import redact_links
from jobgen.text.redaction.names import redact_names
from jobgen.text.redaction.phones import redact_phones

_NEUTRAL_FORM = re.compile(r"\[(?:e-mail|link|phone|name)\]")
# Longer stretches without a full stop are scraped lists in one line, not sentences.
_LONGEST_SENTENCE = 600


RULES: dict[str, Callable[[str], tuple[str, int]]] = {
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
    """Replace e-mail addresses, links and phone numbers; also returns how many there were."""
    total = 0
    for rule in (redact_emails, redact_links, redact_phones):
        text, found = rule(text)
        total += found
    return text, total


def _remove_sentences(text: str) -> str:
    r"""Take out the sentences that hold a neutral form, and lines of which nothing is left.

    >>> _remove_sentences("We build bikes. Call [phone].\n• [link]\nApply!")
    'We build bikes.\nApply!'
    """
    lines = []
    for line in text.split("\n"):
        if _NEUTRAL_FORM.search(line):
            kept = [
                sentence
                for sentence in _SENTENCE_END.split(line)
                if len(sentence) > _LONGEST_SENTENCE or not _NEUTRAL_FORM.search(sentence)
            ]
            line = " ".join(kept)
            if not line.strip("• "):
                continue
        lines.append(line)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def redact_personal_data(text: str, mode: str) -> tuple[str, dict[str, int]]:
    """Apply all rules.

    Args:
        text: A clean text, with single blanks and `• ` as its only bullet.
        mode: "replace" puts a neutral form in place of personal data; "remove" takes out the
            sentence, line or list item that holds it (the neutral form stays in what has more than
            600 characters without an end of a sentence); "keep" changes nothing.

    Returns:
        The text, and by rule the number of places found, 0 where the mode is "keep".

    Raises:
        ValueError: unknown mode.

    >>> redact_personal_data("We ride. Write to jane@example.com.", "remove")[0]
    'We ride.'
    """
    if mode not in MODES:
        raise ValueError(f"mode = {mode!r}: expected one of {', '.join(MODES)}")
    found = dict.fromkeys(RULES, 0)
    if mode == "keep":
        return text, found
    for name, rule in RULES.items():
        text, found[name] = rule(text)
    if mode == "remove" and any(found.values()):
        text = _remove_sentences(text)
    return text, found
