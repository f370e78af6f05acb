"""Pure text functions that remove the traces of scraping from a posting.

`clean_text` applies `RULES` in their order. Each rule takes a text and returns it with the number
of its changes, so that the preparation can report what was done.

In the patterns, every repetition that can start anywhere is bounded or ends at what the next one
starts with, so that the time is linear in the length of the text.
"""

import re
from collections.abc import Callable, Sequence
from functools import partial

from jobgen.data.cleaning.characters import (
    fix_encoding,
    remove_invisible,
    squeeze_whitespace,
    straighten_quotes,
    unify_characters,
)
from jobgen.data.cleaning.entities import restore_stripped_entities
from jobgen.data.cleaning.glue import split_glued
from jobgen.data.cleaning.lines import join_wrapped_lines, remove_rules
from jobgen.data.cleaning.lists import split_inline_lists, unify_bullets
from jobgen.data.cleaning.markdown import decode_escapes, remove_markdown
from jobgen.data.cleaning.markup import remove_html
from jobgen.data.cleaning.site_texts import (
    remove_buttons,
    remove_site_texts,
    remove_tracking_codes,
)
from jobgen.data.vocabulary import Vocabulary
from jobgen.text.redaction import redact_personal_data
from jobgen.text.redaction.masks import replace_masks

# The lines come before what looks at their beginning; a sentence that goes on in the next line must
# be whole before a button is looked for in it.
RULES: dict[str, Callable[[str], tuple[str, int]]] = {
    "escapes such as \\n": decode_escapes,
    "HTML tags and entities": remove_html,
    "broken encoding": fix_encoding,
    "line ends, ligatures and the like": unify_characters,
    "curly quotes": straighten_quotes,
    "invisible characters": remove_invisible,
    "entities without their marks": restore_stripped_entities,
    "tracking codes": remove_tracking_codes,
    "rules of dashes": remove_rules,
    "Markdown": remove_markdown,
    "hard-wrapped lines": join_wrapped_lines,
    "buttons of job sites": remove_buttons,
    "standing texts of job sites": remove_site_texts,
    "glued sentences": split_glued,
    "lists in one line": split_inline_lists,
    "bullets": unify_bullets,
    "runs of blank lines": squeeze_whitespace,
}

# Bullets and dashes around a title; a star at its last word is a part of it: `Mitarbeiter*`.
_MARKS_AT_ENDS = re.compile(r"\A(?:[*•–|-]{1,9} ){1,9}|(?: [*•–|-]{1,9}){1,9}\Z")


def clean_text(
    text: str,
    personal_data: str = "replace",
    vocabulary: Vocabulary | None = None,
    regions: Sequence[str] | None = None,
) -> tuple[str, dict[str, int]]:
    r"""Apply all rules, those for personal data last.

    Args:
        text: a posting as scraped.
        personal_data: what is done with personal data: "replace", "remove" or "keep"
            (`jobgen.text.redaction.redact_personal_data`).
        vocabulary: the words of the posting's table, by which glued words are told from names; None
            to go by general English words.
        regions: ISO codes of the countries whose national telephone numbers are looked for; None
            takes them from the text.

    Returns:
        The clean text, and for each rule the number of its changes.

    >>> clean_text("<b>About us</b><br>We build bikes. Call +1 212 555 0100.")[0]
    'About us\nWe build bikes. Call [phone].'
    """
    changes, masks = {}, 0
    of_table = {"glued sentences": partial(split_glued, vocabulary=vocabulary)}
    for name, rule in (RULES | of_table).items():
        if rule is remove_markdown and personal_data != "keep":
            text, masks = replace_masks(text)  # before `***@***.com` is taken for Markdown
        text, changes[name] = rule(text)
    text, redacted = redact_personal_data(text, personal_data, regions)
    redacted["masks of anonymisers"] += masks
    return text, changes | redacted


def clean_title(
    title: str, personal_data: str = "replace", regions: Sequence[str] | None = None
) -> str:
    """Clean a title, and put it on one line.

    Unless personal data is kept, it is replaced; it is never removed with its sentence.

    >>> clean_title(" R&amp;D  <b>Engineer</b> (jane@example.com) ")
    'R&D Engineer ([e-mail])'
    >>> clean_title("* Senior Rider (m/w/d) - #LI-Remote")
    'Senior Rider (m/w/d)'
    """
    for rule in (
        decode_escapes,
        remove_html,
        fix_encoding,
        unify_characters,
        straighten_quotes,
        remove_invisible,
        remove_tracking_codes,
        remove_rules,
        remove_markdown,
    ):
        title, _ = rule(title)
    mode = "keep" if personal_data == "keep" else "replace"
    title = _MARKS_AT_ENDS.sub("", " ".join(title.split()))
    return redact_personal_data(title, mode, regions)[0]
