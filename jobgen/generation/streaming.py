"""A text that is shown while it is written, as it will be judged: contact data replaced."""

import re
from collections.abc import Callable

from jobgen.generation.posting import clean
from jobgen.models.protocols import Tokenizer
from jobgen.text.characters import remove_control_characters

# Characters that are held back, since those that follow may make them part of an address or number.
_HELD_BACK = 100
# A sign of an e-mail address, which may be spelled out and go on for so many characters.
_OF_ADDRESS = re.compile(r"@|[\[({]\s?(?:at|dot)\s?[\])}]|\bdot\b", re.IGNORECASE)
_LONGEST_ADDRESS = 600


class RedactedStream:
    """Shows a text token by token, as far as what follows cannot change it.

    Args:
        tokenizer: decodes the tokens.
        show: is given each next part of the text.
    """

    def __init__(self, tokenizer: Tokenizer, show: Callable[[str], object]):
        self.tokenizer, self.show = tokenizer, show
        self.ids: list[int] = []
        self.shown = ""

    def put(self, token: int) -> None:
        """Take the next token."""
        self.ids.append(token)
        text = self.tokenizer.decode(self.ids, skip_special_tokens=True)
        text = remove_control_characters(text)
        whole = clean(text)
        sign = _OF_ADDRESS.search(text, max(0, len(text) - _LONGEST_ADDRESS))
        end = (sign.start() if sign else len(text)) - _HELD_BACK
        # A word is shown whole; a cut within an address would show its beginning.
        while (end := text.rfind(" ", 0, max(end, 0))) > 0:
            certain = clean(text[:end])
            if whole.startswith(certain):
                self._show_until(certain)
                return

    def end(self, text: str) -> None:
        """Show the rest of the finished text, and end the line."""
        if not text.startswith(self.shown):  # what was shown is not what it became
            self.show("\n")
            self.shown = ""
        self._show_until(text)
        self.show("\n")

    def _show_until(self, text: str) -> None:
        if len(text) > len(self.shown) and text.startswith(self.shown):
            self.show(text[len(self.shown) :])
            self.shown = text
