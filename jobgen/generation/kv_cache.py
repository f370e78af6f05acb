"""A key-value cache for a batch whose texts begin and end at different times.

All slots end at the same column, so that the newest token of each text is in the last one. Where a
slot begins depends on the length of its prompt and text:

    slot 0   . . p p p t t t t        . not used   p prompt   t text
    slot 1   p p p p p t t t t
    slot 2   . . . . . . p p t        a request that took the slot of a text that had ended

The memory is reserved once and tokens are written into it, whereas transformers' own cache is
copied at each step.
"""

from typing import Any

import torch
from transformers.cache_utils import Cache, DynamicLayer


class _Columns(DynamicLayer):
    """Keys and values of one layer, (B, H, capacity, D); columns `first` to `end` are in use."""

    keys: torch.Tensor
    values: torch.Tensor

    def __init__(self, owner: "KVCache"):
        super().__init__()
        self.owner = owner

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Reserve the memory."""
        slots, capacity = self.owner.slots, self.owner.capacity

        def reserve(states: torch.Tensor) -> torch.Tensor:
            return states.new_zeros(slots, states.shape[1], capacity, states.shape[3])

        self.keys, self.values = reserve(key_states), reserve(value_states)
        self.is_initialized = True

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write the newest column; returns all columns in use."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        first, end = self.owner.first, self.owner.end
        self.keys[:, :, end : end + 1] = key_states
        self.values[:, :, end : end + 1] = value_states
        return self.keys[:, :, first : end + 1], self.values[:, :, first : end + 1]

    def get_seq_length(self) -> int:
        """Number of columns in use."""
        return self.owner.end - self.owner.first


class KVCache(Cache):
    """The cache of a batch.

    Args:
        layers: the number of layers in the model.
        batch_size: the number of slots.
        max_length: most tokens that a slot will hold.

    Attributes:
        first: the first column that a slot uses; set by the batch.
        end: the next column to be written.
    """

    def __init__(self, layers: int, batch_size: int, max_length: int):
        self.columns = [_Columns(self) for _ in range(layers)]
        super().__init__(layers=[*self.columns])
        self.slots = batch_size
        # More columns than tokens, so that the columns in use are seldom moved to the front.
        self.capacity = max_length + max(64, max_length // 2)
        self.first = self.end = 0

    def advance(self) -> None:
        """Count the newest column as used; at the end of the memory, move all to the front."""
        self.end += 1
        if self.end < self.capacity:
            return
        for layer in self.columns:
            for states in (layer.keys, layer.values):
                states[:, :, : self.end - self.first] = states[:, :, self.first : self.end].clone()
        self.first, self.end = 0, self.end - self.first

    def insert(self, slots: list[int], prefilled: Cache, sources: list[int]) -> None:
        """Copy prompts that were read in a cache of their own into slots of this one.

        Args:
            slots: (n,), where they go.
            prefilled: the cache of the prompts, which end at the same column; none is longer than
                `end`.
            sources: (n,), the row of `prefilled` for each slot.
        """
        width = prefilled.get_seq_length()
        for layer, other in zip(self.columns, prefilled.layers, strict=True):
            assert isinstance(other, DynamicLayer)
            assert other.keys is not None and other.values is not None
            if not layer.is_initialized:
                layer.lazy_initialization(other.keys, other.values)
            layer.keys[slots, :, self.end - width : self.end] = other.keys[sources]
            layer.values[slots, :, self.end - width : self.end] = other.values[sources]

    def compact(self, slots: torch.Tensor) -> None:
        """Drop all slots but these."""
        self.slots = len(slots)
        for layer in self.columns:
            layer.keys, layer.values = layer.keys[slots], layer.values[slots]
