"""Progress of a generation in the terminal."""

import time
from types import TracebackType
from typing import Self

from tqdm import tqdm

_REFRESH_SECONDS = 1.0


class GenerationProgress:
    """A bar over texts, beside it the tokens that were written, which move all the time.

    The texts of a batch end minutes after it began, so a bar over texts alone would stand still.

    Args:
        texts: the number of texts to write.
        is_silent: show nothing.
    """

    def __init__(self, texts: int, is_silent: bool):
        self.bar = tqdm(total=texts, desc="writing", unit=" texts", disable=is_silent)
        self.tokens, self.began, self.refreshed = 0, time.monotonic(), 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._set_rate()
        self.bar.close()

    def add_texts(self, number: int) -> None:
        """Move the bar."""
        self.bar.update(number)

    def add_tokens(self, number: int) -> None:
        """Count tokens, and show them once a second."""
        self.tokens += number
        if time.monotonic() - self.refreshed >= _REFRESH_SECONDS:
            self.refreshed = time.monotonic()
            self._set_rate()
            self.bar.refresh()

    def _set_rate(self) -> None:
        rate = self.tokens / max(time.monotonic() - self.began, 1e-9)
        self.bar.set_postfix_str(f"{self.tokens:,} tokens, {rate:,.0f} tokens/s", refresh=False)
