"""A model without weights: its number of parameters, and what autograd would keep of a batch.

It is built of PyTorch's fake tensors, which have shapes and no content, so that neither weights nor
a GPU are needed. A forward pass of the architecture's own code then shows which activations
autograd keeps for the backward pass.
"""

from functools import cached_property
from math import ceil
from pathlib import Path
from typing import Any

import torch
from deepspeed.runtime.chunked_cross_entropy import ChunkedCausalLMLoss
from torch._subclasses.fake_tensor import FakeTensorMode

from jobgen.common.config import TrainConfig
from jobgen.models.gpt_neo import use_fast_attention
from jobgen.models.loading import (
    ATTENTION_DROPOUT,
    VOCABULARY_MULTIPLE,
    add_adapters,
    blocks,
    unfreeze_last_n,
)
from jobgen.models.protocols import Tokenizer


class FakeModel:
    """The model of a training, built of fake tensors.

    Args:
        folder: the model folder.
        tokenizer: the tokenizer with the added tokens.
        config: the training configuration.
        on_gpu: whether the training runs on a GPU.
        pure_half: whether the weights themselves are in 16 bits.
        autocast: whether the computation is in 16 bits while the weights are in float32.
    """

    def __init__(
        self,
        folder: Path,
        tokenizer: Tokenizer,
        config: TrainConfig,
        on_gpu: bool,
        pure_half: bool,
        autocast: bool,
    ):
        self._config, self._autocast = config, autocast
        self._mode = FakeTensorMode(allow_non_fake_inputs=True)
        self._model = self._build(folder, tokenizer, on_gpu, pure_half)

    def _build(self, folder: Path, tokenizer: Tokenizer, on_gpu: bool, pure_half: bool) -> Any:
        from transformers import AutoConfig, AutoModelForCausalLM

        shape = AutoConfig.from_pretrained(folder)
        rows = max(shape.vocab_size, len(tokenizer))
        multiple = VOCABULARY_MULTIPLE if self._config.lora_rank is None else 1
        shape.vocab_size = ceil(rows / multiple) * multiple
        if on_gpu:
            # A CPU's attention with dropout keeps (T, T) matrices, a GPU's does not.
            for name in ATTENTION_DROPOUT:
                if getattr(shape, name, None):
                    setattr(shape, name, 0.0)
        with torch.device("meta"):  # adapters convert their tensors, and fake ones cannot be
            dtype = torch.bfloat16 if pure_half else torch.float32
            model = AutoModelForCausalLM.from_config(shape, dtype=dtype)
            use_fast_attention(model)
            if self._config.unfreeze_last_n is not None:
                unfreeze_last_n(model, self._config.unfreeze_last_n)
            if self._config.lora_rank is not None:
                model = add_adapters(model, tokenizer, self._config.lora_rank)
        with self._mode:
            _move_to_cpu(model)
        return model.train()

    @cached_property
    def parameters(self) -> tuple[int, int]:
        """Number of weights, and how many of them are trained."""
        weights = list(self._model.parameters())
        trained = sum(weight.numel() for weight in weights if weight.requires_grad)
        return sum(weight.numel() for weight in weights), trained

    @property
    def largest_weight(self) -> int:
        """Number of elements of the largest trained weight."""
        return max(weight.numel() for weight in self._model.parameters() if weight.requires_grad)

    @property
    def config(self) -> Any:
        """The model's Hugging Face configuration."""
        return self._without_adapters.config

    @property
    def _without_adapters(self) -> Any:
        return self._model.get_base_model() if self._config.lora_rank else self._model

    def activations(self, rows: int, length: int, labels: int) -> float:
        """Bytes of a batch's activations during a step, without the logits.

        Args:
            rows: number of postings.
            length: number of tokens of each, padding included.
            labels: number of tokens of the batch that are learned.
        """
        checkpointing = self._config.gradient_checkpointing
        kept = self._kept(rows, length, labels, checkpointing)
        if checkpointing:
            # Beside the inputs of all blocks, those of one block while it is computed again.
            n_blocks = len(blocks(self._without_adapters))
            kept += self._kept(rows, length, labels, checkpointing=False) / n_blocks
        return kept

    def _kept(self, rows: int, length: int, labels: int, checkpointing: bool) -> float:
        """Bytes that autograd keeps of a batch for the backward pass, without the logits."""
        model, plain = self._model, self._without_adapters
        if checkpointing:
            plain.activation_checkpointing_enable()
        else:
            plain.activation_checkpointing_disable()
        plain.loss_function = ChunkedCausalLMLoss()
        tensors = [*model.parameters(), *model.buffers()]
        own = {tensor.untyped_storage()._cdata for tensor in tensors}
        kept: dict[int, torch.UntypedStorage] = {}
        logits = (labels, plain.config.vocab_size)

        def keep(tensor: torch.Tensor) -> torch.Tensor:
            storage = tensor.untyped_storage()
            if storage._cdata not in own and tensor.shape != logits:
                # Storages are held, so that no later one can get the same address.
                kept[storage._cdata] = storage
            return tensor

        autocast = torch.autocast("cpu", torch.bfloat16, enabled=self._autocast)
        hooks = torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor)
        with self._mode, hooks, autocast:
            ids = torch.zeros(rows, length, dtype=torch.long)
            targets = torch.zeros(labels, dtype=torch.long)
            # The training passes a mask of labels, but a fake one has no content to select by.
            positions = torch.zeros(rows, labels // rows, dtype=torch.long)
            model(input_ids=ids, labels=ids, logits_to_keep=positions, shift_labels=targets)
            return sum(storage.nbytes() for storage in kept.values())


def _move_to_cpu(model: Any) -> None:
    """Move a model from the device "meta" to the CPU.

    Its `to_empty` cannot do this in the fake mode for tensors that two modules share.
    """
    moved: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def cpu(tensor: torch.Tensor) -> torch.Tensor:
        if id(tensor) not in moved:
            copy = torch.empty_like(tensor, device="cpu")
            if isinstance(tensor, torch.nn.Parameter):
                copy = torch.nn.Parameter(copy, tensor.requires_grad)
            moved[id(tensor)] = tensor, copy  # holding both, so that no other gets this id
        return moved[id(tensor)][1]

    for module in model.modules():
        for tensors in (module._parameters, module._buffers):
            tensors |= {name: cpu(part) for name, part in tensors.items() if part is not None}
