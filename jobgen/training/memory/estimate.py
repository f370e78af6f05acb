"""The memory and disk that a training needs, by item.

Activations are measured on a model of fake tensors. Weights, gradients and optimizer states follow
ZeRO (Rajbhandari et al. 2020) as DeepSpeed 0.19 implements it.
"""

from functools import cached_property
from math import ceil

import psutil
from deepspeed.runtime.chunked_cross_entropy import _BLOCK_ELEMENTS

from jobgen.common.files import read_json
from jobgen.models.protocols import LanguageModel
from jobgen.training.arguments import kept_when_freed
from jobgen.training.dataset import LOGITS_MULTIPLE, PostingDataset
from jobgen.training.memory.fake_model import FakeModel
from jobgen.training.memory.need import Need
from jobgen.training.memory.target import Target
from jobgen.training.memory.zero import zero_states

# What a process takes beside its tensors. On a GPU, CUDA's context and fragmentation of its cache:
# an assumption. On a CPU, fragmentation of the heap: measured, as a share of the tensors.
_GPU_RESERVE = 0.8e9
_HEAP_HOLES = 0.18
# Bytes per weight while 8-bit AdamW updates it: both moments in float32, as measured on a CPU.
_UPDATE_BYTES = 8


class Estimate:
    """The needs of one configuration on one target.

    Args:
        nlp: the `NLP_model`, whose weights are not loaded.
        rows: the training set; its longest rows fill the largest batch.
        target: where the training is to run.

    Attributes:
        length: number of tokens of the longest row, padding included.
    """

    def __init__(self, nlp: LanguageModel, rows: PostingDataset, target: Target):
        self.nlp, self.config, self.target, self.rows = nlp, nlp.config, target, rows
        longest = sorted(range(len(rows)), key=lambda row: -rows.n_tokens[row])
        longest = longest[: self.config.micro_batch_size]
        n_tokens = sum(rows.n_tokens[row] for row in longest)
        self.length = rows.padded_length(rows.n_tokens[longest[0]])
        self._learned_share = sum(len(rows.text_ids[row]) for row in longest) / n_tokens
        if self.config.loss_on == "all":
            self._learned_share = 1.0
        self._half_bytes = 2 if target.half else 4
        # In half precision the weights themselves are in 16 bits with DeepSpeed and with 8-bit
        # AdamW; otherwise autocast makes 16-bit copies of float32 weights.
        in_8_bits = self.config.optimizer != "adamw"
        self._pure_half = target.half and (in_8_bits or self.config.ds_config is not None)
        self._weight_bytes = self._half_bytes if self._pure_half else 4
        # Both moments of a trained weight without DeepSpeed; in 8 bits, 256 of them share a scale.
        self._moments_bytes = 2 * (1 + 4 / 256) if in_8_bits else 8

    @cached_property
    def _model(self) -> FakeModel:
        return FakeModel(
            self.nlp.folder,
            self.nlp.tokenizer,
            self.config,
            on_gpu=self.target.on_gpu,
            pure_half=self._pure_half,
            autocast=self.target.half and not self._pure_half,
        )

    @cached_property
    def _process(self) -> int:
        """Bytes of a process with Python and the libraries, but without a model."""
        return psutil.Process().memory_info().rss

    @property
    def parameters(self) -> tuple[int, int]:
        """Number of weights, and how many of them are trained."""
        return self._model.parameters

    def fits(self, rows: int | None = None, length: int | None = None) -> bool:
        """Whether device, host and disk suffice; the arguments are those of `need`."""
        return not self.need(rows, length).shortfalls(self.target)

    def need(self, rows: int | None = None, length: int | None = None) -> Need:
        """Bytes that the training needs, by item.

        Args:
            rows: number of postings in a batch; None for micro_batch_size.
            length: number of tokens of each, padding included; None for the longest of the table.
        """
        rows, length = rows or self.config.micro_batch_size, length or self.length
        labels = rows * min(length - 1, ceil(self._learned_share * length))
        step = {
            "activations": self._model.activations(rows, length, labels),
            "logits": self._logits(labels),
        }
        if self.config.optimizer != "adamw":
            # By the time of the update, activations and logits are free again.
            update = _UPDATE_BYTES * self._model.largest_weight
            step["update of the largest weight"] = max(0, update - sum(step.values()))
        device, host = self._states()
        if self.target.on_gpu:
            device |= step | {"reserve": _GPU_RESERVE}
            return Need(device, self._beside_gpus(host), self._disk())
        for item, size in host.items():
            device[item] = device.get(item, 0) + size
        return Need(self._on_cpu(device, step), {}, self._disk())

    def _states(self) -> tuple[dict[str, float], dict[str, float]]:
        """Weights, gradients, optimizer and buffers, on the device and on the host."""
        if self.config.ds_config is not None:
            return zero_states(
                read_json(self.config.ds_config),
                self._model,
                self.target,
                accumulates=self.config.gradient_accumulation_steps > 1,
            )
        weights, trained = self.parameters
        device: dict[str, float] = {
            "weights": self._weight_bytes * weights,
            "gradients": self._weight_bytes * trained,
            "optimizer": self._moments_bytes * trained,
        }
        if self.config.optimizer == "adamw_8bit_in_backward":
            device["gradients"] = self._weight_bytes * self._model.largest_weight
        if self.target.processes > 1:
            device["buckets"] = self._weight_bytes * trained
        return device, {}

    def _logits(self, labels: int) -> float:
        """Bytes of the logits of a batch and their gradients."""
        vocabulary = self._model.config.vocab_size
        labels = ceil(labels / LOGITS_MULTIPLE) * LOGITS_MULTIPLE
        logits_and_gradients = 2 * self._half_bytes * labels * vocabulary
        if self.target.on_gpu:
            return logits_and_gradients
        # On a CPU two blocks of the loss exist in float32.
        return logits_and_gradients + 2 * 4 * min(labels * vocabulary, _BLOCK_ELEMENTS)

    def _beside_gpus(self, states: dict[str, float]) -> dict[str, float]:
        """What all processes of the machine need beside its GPUs, at the peak."""
        processes, (weights, trained) = self.target.local_processes, self.parameters
        reading = self._reading() if self.config.ds_config else self._moments_bytes * trained
        loading = 4 if self.config.ds_config else self._weight_bytes
        peaks = {
            # For DeepSpeed they load in float32, and are freed before it creates the optimizer.
            "weights while they load": processes * (loading * weights - sum(states.values())),
            "checkpoint while it is read": processes * reading,
            "check of the exported model": self._check(),
        }
        peak = max(peaks, key=lambda item: peaks[item])
        states = states | {"process": self._process}
        return {item: processes * size for item, size in states.items()} | {peak: peaks[peak]}

    def _on_cpu(self, states: dict[str, float], step: dict[str, float]) -> dict[str, float]:
        """What a process needs on a CPU, with its share of the check of the export."""
        need = states | step
        need["holes in the heap"] = _HEAP_HOLES * sum(need.values())
        need["process"] = self._process
        # Memory that a step has freed serves the reading of a checkpoint.
        freed = states.get("gradients", 0) + sum(step.values())
        reading = self._reading() if self.config.ds_config else 0
        need["checkpoint while it is read"] = max(0, reading - freed)
        # The check runs in a process of its own, which has no use for memory that this one keeps.
        given_back = max(0, max(freed, reading) - kept_when_freed(self._model.config))
        check = self._check() / self.target.local_processes
        need["check of the exported model"] = max(0, check - given_back)
        return need

    def _reading(self) -> float:
        """Bytes that DeepSpeed reads at once: the weights, or what it copies to the optimizer."""
        return max(self._saved(), 12 * self.parameters[1] / self.target.processes)

    def _check(self) -> float:
        """Bytes of the process that reads the exported weights in float32."""
        return 4 * self.parameters[0] + self._process

    def _saved(self) -> float:
        """Bytes of the weights in a checkpoint."""
        weights, trained = self.parameters
        return self._weight_bytes * (weights if self.config.lora_rank is None else trained)

    def _checkpoints(self) -> int:
        """Number of checkpoints on the disk while the last one is written."""
        config = self.config
        epoch = config.steps_per_epoch(len(self.rows), self.target.processes)
        last = config.max_steps or ceil(config.epochs * epoch)
        saved = {*range(0, last, config.save_steps or epoch), last}
        if config.test and config.keep_best:  # each evaluated step may be the best so far
            saved |= {*range(0, last, config.eval_steps or epoch)}
        number = len(saved - {0})
        if config.save_total_limit is None:
            return number
        # Newest and best are kept whatever the limit, and one more is being written.
        return min(number, max(config.save_total_limit, 2 if config.test else 1) + 1)

    def _disk(self) -> dict[str, float]:
        """Bytes of the run folder."""
        weights, trained = self.parameters
        checkpoint = self._saved() + self._moments_bytes * trained
        if self.config.ds_config:  # DeepSpeed saves the weights again, and in the optimizer too
            checkpoint += self._saved() + 4 * trained
        number = self._checkpoints()
        return {
            f"checkpoints, {number} at a time": number * checkpoint,
            "trained model": self._weight_bytes * weights,
        }
