"""What a training needs, before it runs: memory by item, disk, and what would make it fit.

Three things must suffice: the memory of the device, that of the machine beside it, and the disk.

No weights and no GPU are needed: the model is built of PyTorch's fake tensors, which have shapes
and no content, and a forward pass shows what autograd keeps for the backward pass. So activations
are those of the architecture's own code. Weights, gradients and optimizer follow ZeRO (Rajbhandari
et al. 2020) as DeepSpeed 0.19 lays it out.
"""

import json
import math
import os
import shutil
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

from jobgen.common.config import TrainConfig
from jobgen.common.distributed import process_count
from jobgen.common.errors import InputError
from jobgen.common.files import read_json
from jobgen.models.gpt_neo import use_fast_attention
from jobgen.models.loading import (
    ATTENTION_DROPOUT,
    VOCABULARY_MULTIPLE,
    add_adapters,
    blocks,
    unfreeze_last_n,
)
from jobgen.training.arguments import check_settings, kept_when_freed, precision_of
from jobgen.training.dataset import LOGITS_MULTIPLE, PostingDataset

# Beside what tensors take. Of a GPU: CUDA's context and holes in the cache, assumed, not measured.
# Of a CPU: holes in the heap, measured.
_GPU_RESERVE = 0.8e9
_HEAP_HOLES = 0.18
# Of a weight that 8-bit AdamW updates: both moments in float32, as measured on a CPU.
_STEP_BYTES = 8
# Where the kernel says how much memory a container may have (cgroups version 2 and 1).
_CONTAINER_LIMITS = (
    "/sys/fs/cgroup/memory.max",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes",
)
_DS_CONFIGS = Path(__file__).parents[2] / "DS_configs"
# What is tried when a configuration does not fit.
_REMEDIES: tuple[dict[str, Any], ...] = (
    {"gradient_checkpointing": True},
    {"ds_config": str(_DS_CONFIGS / "zero2_offload_12gb.json")},
    {"ds_config": str(_DS_CONFIGS / "zero3_offload_12gb.json")},
    {"ds_config": None, "optimizer": "adamw_8bit"},
    {"unfreeze_last_n": 4},
    {"lora_rank": 16},
    {"save_total_limit": 1},
)
_MOST_ROWS, _LONGEST = 256, 8192
_PARTS = ("device", "host", "disk")  # of `Target` and of `Need`


@dataclass(frozen=True)
class Target:
    """Where the training is to run.

    Attributes:
        name: of the device, for people.
        device: bytes of one GPU, or of the machine for each process that trains on its CPU.
        host: bytes of the machine beside its GPUs.
        disk: free bytes for the run folder; infinite: not known.
        on_gpu: whether the device is a GPU.
        half: whether it trains in 16 bits.
        processes: of the training.
        local_processes: those of them that share the machine.
    """

    name: str
    device: float
    host: float
    disk: float
    on_gpu: bool
    half: bool
    processes: int
    local_processes: int


def find_target(config: TrainConfig, vram: float | None, ram: float | None) -> Target:
    """Where the training is to run.

    Args:
        config: of the training.
        vram: GB (2**30 bytes) of a GPU that it is to have; None: this machine's GPU, else its CPU.
        ram: GB of another machine, whose disk is not known; None: this machine and its disk.
    """
    processes = process_count()
    local = int(os.environ.get("LOCAL_SIZE", processes))  # from DeepSpeed's launcher
    host = _machine_memory() if ram is None else ram * 2**30
    disk = _room(Path(config.output_dir)) if ram is None else math.inf
    on_gpu = vram is not None or torch.cuda.is_available()
    half = config.half_precision if vram is not None else precision_of(config) != "fp32"
    if vram is not None:
        name, device = f"a GPU of {vram:g} GB", vram * 2**30
    elif on_gpu:
        name, device = torch.cuda.get_device_name(), torch.cuda.mem_get_info()[1]
    else:
        name = "this machine's CPU" if ram is None else f"a machine of {ram:g} GB"
        device = host / local
    return Target(name, device, host, disk, on_gpu, half, processes, local)


def _room(run: Path) -> int:
    """Free bytes for a run folder, with what it holds: a run takes the place of the one before."""
    there = next(path for path in (run, *run.absolute().parents) if path.exists())
    held = sum(path.stat().st_size for path in run.rglob("*") if path.is_file())
    return shutil.disk_usage(there).free + held


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

    def total(self, part: str) -> float:
        """Bytes of one of them."""
        return sum(getattr(self, part).values())

    def shortfalls(self, target: Target) -> list[str]:
        """Which of them the target has too little of."""
        return [part for part in _PARTS if self.total(part) > getattr(target, part)]


@dataclass
class Largest:
    """The largest batches that fit into both memories; None: there is no such value.

    Attributes:
        rows: micro_batch_size with this max_length.
        length: max_length with this micro_batch_size.
        length_of_one: max_length with a micro_batch_size of 1.
    """

    rows: int | None
    length: int | None
    length_of_one: int | None


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
        # Under DeepSpeed the weights themselves are in 16 bits, and as 8-bit AdamW takes them;
        # otherwise autocast rounds copies.
        in_8_bits = self.config.optimizer != "adamw"
        self.pure = target.half and (in_8_bits or self.config.ds_config is not None)
        self.weight_bytes = self.half_bytes if self.pure else 4
        # Of each trained weight, without DeepSpeed; in 8 bits 256 of them share a scale.
        self.moments_bytes = 2 * (1 + 4 / 256) if in_8_bits else 8

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
            use_fast_attention(model)
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
    def _process(self) -> int:
        """Bytes of a process without any of it: Python and the libraries."""
        return psutil.Process().memory_info().rss

    @cached_property
    def parameters(self) -> tuple[int, int]:
        """How many weights there are, and how many of them are trained."""
        weights = list(self.model.parameters())
        trained = sum(weight.numel() for weight in weights if weight.requires_grad)
        return sum(weight.numel() for weight in weights), trained

    @property
    def _largest_weight(self) -> int:
        """How many numbers the largest trained weight has."""
        return max(part.numel() for part in self.model.parameters() if part.requires_grad)

    def need(self, rows: int | None = None, length: int | None = None) -> Need:
        """Bytes that it takes, by item.

        Args:
            rows: postings of a batch; None: micro_batch_size.
            length: of each row, padding included, in tokens; None: as in the table.
        """
        rows, length = rows or self.config.micro_batch_size, length or self.length
        labels = rows * min(length - 1, ceil(self.learnt * length))
        step = {"activations": self._activations(rows, length, labels)}
        step["logits"] = self._logits(labels)
        if self.config.optimizer != "adamw":  # which comes when the others are free again
            updating = _STEP_BYTES * self._largest_weight - sum(step.values())
            step["update of the largest weight"] = max(0, updating)
        device, host = self._states()
        if self.target.on_gpu:
            device |= step | {"reserve": _GPU_RESERVE}
            return Need(device, self._beside_gpus(host), self._disk())
        for item, size in host.items():
            device[item] = device.get(item, 0) + size
        return Need(self._on_cpu(device, step), {}, self._disk())

    def _beside_gpus(self, states: dict[str, float]) -> dict[str, float]:
        """What all processes of the machine need, at the moment when it is the most."""
        processes, (weights, trained) = self.target.local_processes, self.parameters
        reading = self._reading() if self.config.ds_config else self.moments_bytes * trained
        loading = 4 if self.config.ds_config else self.weight_bytes
        moments = {
            # For DeepSpeed they are float32 then, and freed before the optimizer is made.
            "weights while they load": processes * (loading * weights - sum(states.values())),
            "checkpoint while it is read": processes * reading,
            "check of the exported model": self._check(),
        }
        moment = max(moments, key=moments.get)
        states = states | {"process": self._process}
        return {item: processes * size for item, size in states.items()} | {moment: moments[moment]}

    def _on_cpu(self, states: dict[str, float], step: dict[str, float]) -> dict[str, float]:
        """What a process needs, with its share of the check of the export."""
        need = states | step
        need["holes in the heap"] = _HEAP_HOLES * sum(need.values())
        need["process"] = self._process
        # What a step frees leaves room for what comes after it.
        freed = states.get("gradients", 0) + sum(step.values())
        reading = self._reading() if self.config.ds_config else 0
        need["checkpoint while it is read"] = max(0, reading - freed)
        # But another process has no use for what this one keeps.
        given_back = max(0, max(freed, reading) - kept_when_freed(self._plain.config))
        check = self._check() / self.target.local_processes
        need["check of the exported model"] = max(0, check - given_back)
        return need

    def _reading(self) -> float:
        """What DeepSpeed reads of a checkpoint: weights, then what it copies into the optimizer."""
        return max(self._saved(), 12 * self.parameters[1] / self.target.processes)

    def _check(self) -> float:
        """A process that reads the exported weights in float32."""
        return 4 * self.parameters[0] + self._process

    def fits(self, **shape: int) -> bool:
        """Whether device, host and disk have room for it; `shape` as for `need`."""
        return not self.need(**shape).shortfalls(self.target)

    def largest(self) -> Largest:
        """The batches that would fit where this does not."""
        lengths = range(8, (self.nlp.limit or _LONGEST) + 1)
        sizes = range(1, _MOST_ROWS + 1)

        def largest(values: range, **shape: int) -> int | None:
            (name,) = {"rows", "length"} - shape.keys()
            wrong = bisect_right(values, False, key=lambda x: self._spills(**shape, **{name: x}))
            return values[wrong - 1] if wrong else None

        return Largest(
            rows=largest(sizes, length=self.length),
            length=largest(lengths, rows=self.config.micro_batch_size),
            length_of_one=largest(lengths, rows=1),
        )

    def remedies(self) -> list[tuple[str, Need]]:
        """Settings that help, and the needs with each; those that fit first."""
        found, present = [], self.need()
        for change in _REMEDIES:
            if not self.target.on_gpu and change.get("ds_config"):  # they move things to the host
                continue
            changed = self.config.model_copy(update=change)
            try:
                check_settings(changed, None)
                other = Estimate(type(self.nlp)(changed), self.rows, self.target)
            except InputError:  # two settings that do not go together
                continue
            need = other.need()
            if any(
                need.total(part) < present.total(part) for part in present.shortfalls(self.target)
            ):
                shown = [f"--set {name}={_shown(value)}" for name, value in change.items()]
                found.append((" ".join(shown), need))
        return sorted(
            found, key=lambda item: (len(item[1].shortfalls(self.target)), item[1].total("device"))
        )

    def _spills(self, **shape: int) -> bool:
        """Whether it is too much for one of both memories."""
        return not {"device", "host"}.isdisjoint(self.need(**shape).shortfalls(self.target))

    def _states(self) -> tuple[dict[str, float], dict[str, float]]:
        """Weights, gradients, optimizer and DeepSpeed's buffers, on the device and on the host."""
        weights, trained = self.parameters
        processes = self.target.processes
        if self.config.ds_config is None:
            device = {
                "weights": self.weight_bytes * weights,
                "gradients": self.weight_bytes * trained,
                "optimizer": self.moments_bytes * trained,
            }
            if self.config.optimizer == "adamw_8bit_in_backward":
                device["gradients"] = self.weight_bytes * self._largest_weight
            if processes > 1:
                device["buckets"] = self.weight_bytes * trained
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

    def _saved(self) -> float:
        """Bytes of the weights in a checkpoint."""
        weights, trained = self.parameters
        return self.weight_bytes * (weights if self.config.lora_rank is None else trained)

    def _checkpoints(self) -> int:
        """How many there are while the last one is written."""
        config = self.config
        epoch = config.steps_per_epoch(len(self.rows), self.target.processes)
        last = config.max_steps or ceil(config.epochs * epoch)
        saved = {*range(0, last, config.save_steps or epoch), last}
        if config.test and config.keep_best:  # at most so many are the best at their time
            saved |= {*range(0, last, config.eval_steps or epoch)}
        number = len(saved - {0})
        if config.save_total_limit is None:
            return number
        # Beside the newest the best is kept, however few are to be.
        return min(number, max(config.save_total_limit, 2 if config.test else 1) + 1)

    def _disk(self) -> dict[str, float]:
        weights, trained = self.parameters
        checkpoint = self._saved() + self.moments_bytes * trained
        if self.config.ds_config:  # its own copy of the weights, and those of the optimizer
            checkpoint += self._saved() + 4 * trained
        number = self._checkpoints()
        exported = self.weight_bytes * weights
        kept = f"checkpoints, {number} at a time"
        return {kept: number * checkpoint, "trained model": exported}


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return os.path.relpath(value) if "/" in value else value
    return json.dumps(value)


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
