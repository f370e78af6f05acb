"""What a training needs, before it runs: memory by item, disk, and what would make it fit.

No weights and no GPU are needed: the model is built of PyTorch's fake tensors, which have shapes
and no content, and a forward pass shows what autograd keeps for the backward pass. So activations
are those of the architecture's own code. Weights, gradients and optimizer follow ZeRO (Rajbhandari
et al. 2020) as DeepSpeed 0.19 lays it out.
"""

import json
import os
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from math import ceil
from pathlib import Path
from typing import Any

import psutil
import torch
from deepspeed.runtime.chunked_cross_entropy import _BLOCK_ELEMENTS, ChunkedCausalLMLoss
from deepspeed.runtime.zero.config import DeepSpeedZeroConfig
from torch._subclasses.fake_tensor import FakeTensorMode

from jobgen.cli import process_count
from jobgen.config import TrainConfig
from jobgen.config_file import read_json
from jobgen.dataset import LOGITS_MULTIPLE, PostingDataset
from jobgen.errors import InputError
from jobgen.models import (
    ATTENTION_DROPOUT,
    VOCABULARY_MULTIPLE,
    add_adapters,
    blocks,
    unfreeze_last_n,
)
from jobgen.training import deepspeed_settings, precision_of

# Beside what tensors take. Of a GPU: CUDA's context and holes in the cache, assumed, not measured.
# Of a CPU: holes in the heap, measured.
_GPU_RESERVE = 0.8e9
_HEAP_HOLES = 0.18
# Where the kernel says how much memory a container may have (cgroups version 2 and 1).
_CONTAINER_LIMITS = (
    "/sys/fs/cgroup/memory.max",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes",
)
_DS_CONFIGS = Path(__file__).parent.parent / "DS_configs"
# What is tried when a configuration does not fit.
_REMEDIES: tuple[dict[str, Any], ...] = (
    {"gradient_checkpointing": True},
    {"ds_config": str(_DS_CONFIGS / "zero2_offload_12gb.json")},
    {"ds_config": str(_DS_CONFIGS / "zero3_offload_12gb.json")},
    {"unfreeze_last_n": 4},
    {"lora_rank": 16},
)
_MOST_ROWS, _LONGEST = 256, 8192


@dataclass(frozen=True)
class Target:
    """Where the training is to run.

    Attributes:
        name: for people.
        memory: bytes of one GPU, or of the machine where it trains on its CPU.
        on_gpu: whether it is a GPU.
        half: whether it trains in 16 bits.
        processes: of the training.
    """

    name: str
    memory: float
    on_gpu: bool
    half: bool
    processes: int


def find_target(config: TrainConfig, vram: float | None) -> Target:
    """A GPU of `vram` GB (2**30 bytes), else this machine's GPU, else its CPU."""
    processes = process_count()
    if vram is not None:
        name = f"a GPU of {vram:g} GB"
        return Target(name, vram * 2**30, True, config.half_precision, processes)
    half = precision_of(config) != "fp32"
    if torch.cuda.is_available():
        name = torch.cuda.get_device_name()
        return Target(name, torch.cuda.mem_get_info()[1], True, half, processes)
    return Target("this machine's CPU", _machine_memory() / processes, False, half, processes)


def _machine_memory() -> int:
    """Bytes that this machine, or the container that we are in, has."""
    limits = [psutil.virtual_memory().total]
    for path in map(Path, _CONTAINER_LIMITS):
        if path.is_file() and (limit := path.read_text().strip()).isdigit():  # else: "max"
            limits.append(int(limit))
    return min(limits)


@dataclass
class Need:
    """Bytes, by item.

    Attributes:
        device: of each GPU; on a CPU, of each process.
        host: of the machine beside its GPUs; empty on a CPU.
        disk: of the run folder.
    """

    device: dict[str, float]
    host: dict[str, float]
    disk: dict[str, float]


@dataclass
class Advice:
    """What to change in a configuration that does not fit; None: there is no such value.

    Attributes:
        rows: largest micro_batch_size that fits with this max_len.
        length: largest max_len that fits with this micro_batch_size.
        length_of_one: largest max_len that fits with a micro_batch_size of 1.
        remedies: settings and what the device would need with each, bytes, the least first.
    """

    rows: int | None
    length: int | None
    length_of_one: int | None
    remedies: list[tuple[str, float]]


class Estimate:
    """The needs of one configuration.

    Args:
        nlp: an `NLP_model`; its weights are not used.
        rows: of the training; the longest fill the largest batch.
        target: where it is to run.
    """

    def __init__(self, nlp: Any, rows: PostingDataset, target: Target):
        self.nlp, self.config, self.target, self.rows = nlp, nlp.config, target, rows
        longest = sorted(range(len(rows)), key=lambda row: -rows.n_tokens[row])
        longest = longest[: self.config.micro_batch_size]
        tokens = sum(rows.n_tokens[row] for row in longest)
        self.length = rows.padded_length(rows.n_tokens[longest[0]])
        self.learnt = sum(len(rows.text_ids[row]) for row in longest) / tokens
        if self.config.loss_on == "all":
            self.learnt = 1.0
        self.half_bytes = 2 if target.half else 4
        # Under DeepSpeed the weights themselves are in 16 bits; otherwise autocast rounds copies.
        self.pure = target.half and self.config.ds_config is not None

    @cached_property
    def model(self) -> Any:
        """The model, of fake tensors."""
        from transformers import AutoConfig, AutoModelForCausalLM

        shape = AutoConfig.from_pretrained(self.nlp.folder)
        rows = max(shape.vocab_size, len(self.nlp.tokenizer))
        multiple = VOCABULARY_MULTIPLE if self.config.lora_rank is None else 1
        shape.vocab_size = ceil(rows / multiple) * multiple
        if self.target.on_gpu:
            # A CPU's attention with dropout keeps (T, T) matrices, a GPU's does not.
            for name in ATTENTION_DROPOUT:
                if getattr(shape, name, None):
                    setattr(shape, name, 0.0)
        with torch.device("meta"):  # a fake tensor could not be converted, as adapters are
            dtype = torch.bfloat16 if self.pure else torch.float32
            model = AutoModelForCausalLM.from_config(shape, dtype=dtype)
            if self.config.unfreeze_last_n is not None:
                unfreeze_last_n(model, self.config.unfreeze_last_n)
            if self.config.lora_rank is not None:
                model = add_adapters(model, self.nlp.tokenizer, self.config.lora_rank)
        with self._fake:
            _move_to_cpu(model)
        return model.train()

    @cached_property
    def _fake(self) -> FakeTensorMode:
        return FakeTensorMode(allow_non_fake_inputs=True)

    @cached_property
    def parameters(self) -> tuple[int, int]:
        """How many weights there are, and how many of them are trained."""
        weights = list(self.model.parameters())
        trained = sum(weight.numel() for weight in weights if weight.requires_grad)
        return sum(weight.numel() for weight in weights), trained

    def need(self, rows: int | None = None, length: int | None = None) -> Need:
        """Bytes that it takes, by item.

        Args:
            rows: postings of a batch; None: micro_batch_size.
            length: of each row, padding included, in tokens; None: as in the table.
        """
        rows, length = rows or self.config.micro_batch_size, length or self.length
        labels = rows * min(length - 1, ceil(self.learnt * length))
        device, host = self._states()
        device["activations"] = self._activations(rows, length, labels)
        device["logits"] = self._logits(labels)
        process = psutil.Process().memory_info().rss
        if self.target.on_gpu:
            device["reserve"] = _GPU_RESERVE
            # Each process loads float32 weights, and frees them before the optimizer is made.
            loading = 4 * self.parameters[0] - sum(host.values())
            if loading > 0:
                host["weights while they load"] = loading
            host["process"] = process
            host = {item: size * self.target.processes for item, size in host.items()}
        else:
            for item, size in host.items():
                device[item] = device.get(item, 0) + size
            host = {}
            device["holes in the heap"] = _HEAP_HOLES * sum(device.values())
            device["process"] = process
        return Need(device, host, self._disk())

    def fits(self, **shape: int) -> bool:
        """Whether the device has room for it; `shape` as for `need`."""
        return self._room(**shape) >= 0

    def advice(self) -> Advice:
        """What would fit where this does not."""
        lengths = range(8, (self.nlp.limit or _LONGEST) + 1)
        sizes = range(1, _MOST_ROWS + 1)

        def largest(values: range, **shape: int) -> int | None:
            (name,) = {"rows", "length"} - shape.keys()
            wrong = bisect_right(values, 0, key=lambda x: -self._room(**shape, **{name: x}))
            return values[wrong - 1] if wrong else None

        return Advice(
            rows=largest(sizes, length=self.length),
            length=largest(lengths, rows=self.config.micro_batch_size),
            length_of_one=largest(lengths, rows=1),
            remedies=sorted(self._remedies(), key=lambda remedy: remedy[1]),
        )

    def _remedies(self) -> list[tuple[str, float]]:
        found, present = [], sum(self.need().device.values())
        for change in _REMEDIES:
            ((name, value),) = change.items()
            if not self.target.on_gpu and name == "ds_config":  # they move things to the host
                continue
            if getattr(self.config, name) not in (None, False) and name != "ds_config":
                continue
            changed = self.config.model_copy(update=change)
            try:
                deepspeed_settings(changed, None)
                other = Estimate(type(self.nlp)(changed), self.rows, self.target)
            except InputError:  # two settings that do not go together
                continue
            need = sum(other.need().device.values())
            if need < present:
                shown = os.path.relpath(value) if name == "ds_config" else json.dumps(value)
                found.append((f"{name}={shown}", need))
        return found

    def _room(self, **shape: int) -> float:
        return self.target.memory - sum(self.need(**shape).device.values())

    def _states(self) -> tuple[dict[str, float], dict[str, float]]:
        """Weights, gradients, optimizer and DeepSpeed's buffers, on the device and on the host."""
        weights, trained = self.parameters
        processes = self.target.processes
        if self.config.ds_config is None:
            device = {"weights": 4 * weights, "gradients": 4 * trained, "optimizer": 8 * trained}
            if processes > 1:
                device["buckets"] = 4 * trained
            return device, {}
        zero = read_json(self.config.ds_config).get("zero_optimization", {})
        stage, half = zero.get("stage", 0), self.half_bytes
        offloads = zero.get("offload_optimizer", {}).get("device", "none") != "none"
        # Of each trained weight two moments, its value and its gradient, in float32. Trainings in
        # float32 need no other value without ZeRO, and no other gradient in its stage 3.
        optimizer = 16
        if half == 4 and stage == 0:
            optimizer = 8
        elif half == 4 and stage == 3 and not offloads:
            optimizer = 12
        device = {
            "weights": half * weights / (processes if stage == 3 else 1),
            "gradients": half * trained / (processes if stage >= 2 else 1),
            "optimizer": optimizer * trained / (processes if stage >= 1 else 1),
        }
        host = {}
        if stage >= 1:
            # Gradients are reduced in buckets; with overlap there are two of them.
            bucket = self._elements(zero, "reduce_bucket_size")
            if not self.target.on_gpu:  # pages that are not written are not there
                bucket = min(bucket, trained)
            buckets = (2 if zero.get("overlap_comm", stage == 3) else 1) * bucket
            if processes > 1 and stage < 3:
                buckets += min(self._elements(zero, "allgather_bucket_size"), weights)
            device["buckets"] = half * buckets
        if stage == 3:
            live = self._elements(zero, "stage3_max_live_parameters", "max_live_parameters")
            device["gathered weights"] = half * min(live, weights)
        if offloads:
            host["optimizer"] = device.pop("optimizer")
            if stage >= 2:  # they leave with the buckets, to be added up elsewhere
                gradients = device.pop("gradients")
                if stage == 3 or self.config.gradient_accumulation_steps > 1:
                    host["gradients"] = gradients
            if stage < 3:
                host["new weights"] = half * trained / processes
        if zero.get("offload_param", {}).get("device", "none") != "none":
            host["weights"] = device.pop("weights")
        return device, host

    def _elements(self, zero: dict[str, Any], name: str, field: str | None = None) -> float:
        value = zero.get(name, "auto")
        if value != "auto":
            return float(value)
        if name == "reduce_bucket_size" and name in zero:  # as transformers fills it in
            return self.model.config.hidden_size**2
        return float(getattr(DeepSpeedZeroConfig(), field or name))

    def _activations(self, rows: int, length: int, labels: int) -> float:
        kept = self._kept(rows, length, labels, self.config.gradient_checkpointing)
        if self.config.gradient_checkpointing:
            # Beside the inputs of all blocks, what one of them keeps while it is computed again.
            kept += self._kept(rows, length, labels, False) / len(blocks(self._plain))
        return kept

    @property
    def _plain(self) -> Any:
        return self.model.get_base_model() if self.config.lora_rank else self.model

    def _kept(self, rows: int, length: int, labels: int, checkpointing: bool) -> float:
        """Bytes that autograd keeps of a batch for the backward pass, without the logits."""
        model, plain, kept = self.model, self._plain, {}
        if checkpointing:
            plain.activation_checkpointing_enable()
        else:
            plain.activation_checkpointing_disable()
        plain.loss_function = ChunkedCausalLMLoss()
        own = [*model.parameters(), *model.buffers()]
        own = {tensor.untyped_storage()._cdata for tensor in own}
        logits = (labels, plain.config.vocab_size)

        def keep(tensor: torch.Tensor) -> torch.Tensor:
            storage = tensor.untyped_storage()
            if storage._cdata not in own and tensor.shape != logits:
                kept[storage._cdata] = storage  # held, so that no other takes its place
            return tensor

        autocast = torch.autocast("cpu", torch.bfloat16, enabled=self.target.half and not self.pure)
        hooks = torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor)
        with self._fake, hooks, autocast:
            ids = torch.zeros(rows, length, dtype=torch.long)
            targets = torch.zeros(labels, dtype=torch.long)
            # A mask of labels, as in the training, would need their content.
            places = torch.zeros(rows, labels // rows, dtype=torch.long)
            model(input_ids=ids, labels=ids, logits_to_keep=places, shift_labels=targets)
            return sum(storage.nbytes() for storage in kept.values())

    def _logits(self, labels: int) -> float:
        vocabulary = self._plain.config.vocab_size
        labels = ceil(labels / LOGITS_MULTIPLE) * LOGITS_MULTIPLE
        logits_and_gradients = 2 * self.half_bytes * labels * vocabulary
        if self.target.on_gpu:
            return logits_and_gradients
        # On a CPU two blocks of the loss are there in float32.
        return logits_and_gradients + 2 * 4 * min(labels * vocabulary, _BLOCK_ELEMENTS)

    def _disk(self) -> dict[str, float]:
        weights, trained = self.parameters
        each = self.half_bytes if self.pure else 4
        saved = each * (weights if self.config.lora_rank is None else trained)
        checkpoint = saved + 8 * trained
        if self.config.ds_config:  # its own copy of the weights, and those of the optimizer
            checkpoint += saved + 4 * trained
        kept = self.config.save_total_limit
        if kept is None:
            disk = {"each checkpoint": checkpoint}
        else:
            disk = {f"{kept} checkpoints and one being written": (kept + 1) * checkpoint}
        return disk | {"trained model": each * weights}


def _move_to_cpu(model: Any) -> None:
    """`to_empty`, which in the fake mode cannot move what two modules share."""
    moved: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def cpu(tensor: torch.Tensor) -> torch.Tensor:
        if id(tensor) not in moved:
            copy = torch.empty_like(tensor, device="cpu")
            if isinstance(tensor, torch.nn.Parameter):
                copy = torch.nn.Parameter(copy, tensor.requires_grad)
            moved[id(tensor)] = tensor, copy  # both, or another tensor could get this id
        return moved[id(tensor)][1]

    for module in model.modules():
        for tensors in (module._parameters, module._buffers):
            tensors |= {name: cpu(part) for name, part in tensors.items() if part is not None}
