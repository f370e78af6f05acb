"""A key-value cache whose rows come and go while the others are being written.

All rows of a batch end at the same column, so that the newest token of each stands in the last one;
what they hold begins where it may:

    row 0   . . p p p t t t t        . not used   p prompt   t text
    row 1   p p p p p t t t t
    row 2   . . . . . . p p t        a prompt that came in later, in the place of one that ended

Tokens are written into memory that is there already, where transformers' own cache copies itself at
every step.
"""

from typing import Any

import torch
from transformers.cache_utils import Cache, DynamicLayer


class _Columns(DynamicLayer):
    """Keys and values of one layer, (B, H, capacity, D); of them the columns `first` to `end`."""

    def __init__(self, owner: "KVCache"):
        super().__init__()
        self.owner = owner

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Reserve the memory."""
        rows, capacity = self.owner.rows, self.owner.capacity

        def reserve(states: torch.Tensor) -> torch.Tensor:
            return states.new_zeros(rows, states.shape[1], capacity, states.shape[3])

        self.keys, self.values = reserve(key_states), reserve(value_states)
        self.is_initialized = True

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write the newest column; returns all that are in use."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        first, end = self.owner.first, self.owner.end
        self.keys[:, :, end : end + 1] = key_states
        self.values[:, :, end : end + 1] = value_states
        return self.keys[:, :, first : end + 1], self.values[:, :, first : end + 1]

    def get_seq_length(self) -> int:
        """How many columns are in use."""
        return self.owner.end - self.owner.first


class KVCache(Cache):
    """The cache of a batch.

    Args:
        layers: of the model.
        rows: of the batch.
        longest: most tokens that a row will have.
    """

    def __init__(self, layers: int, rows: int, longest: int):
        super().__init__(layers=[_Columns(self) for _ in range(layers)])
        self.rows = rows
        # With room to go on for a while before the columns that no row uses any more are dropped.
        self.capacity = longest + max(64, longest // 2)
        # Set by the batch: the first column that a row uses, and the next one to be written.
        self.first = self.end = 0

    def advance(self) -> None:
        """Count the newest column as used; make room for the next one."""
        self.end += 1
        if self.end < self.capacity:
            return
        for layer in self.layers:
            for part in (layer.keys, layer.values):
                part[:, :, : self.end - self.first] = part[:, :, self.first : self.end].clone()
        self.first, self.end = 0, self.end - self.first

    def insert(self, places: list[int], prefilled: Cache, sources: list[int]) -> None:
        """Copy the ends of other rows into places of this batch.

        Args:
            places: (n,) rows of this batch.
            prefilled: cache of prompts that end at the same column, none longer than `end`.
            sources: (n,) rows of `prefilled`.
        """
        width = prefilled.get_seq_length()
        for layer, other in zip(self.layers, prefilled.layers, strict=True):
            if not layer.is_initialized:
                layer.lazy_initialization(other.keys, other.values)
            layer.keys[places, :, self.end - width : self.end] = other.keys[sources]
            layer.values[places, :, self.end - width : self.end] = other.values[sources]

    def compact(self, rows: torch.Tensor) -> None:
        """Drop all rows but these."""
        self.rows = len(rows)
        for layer in self.layers:
            layer.keys, layer.values = layer.keys[rows], layer.values[rows]
