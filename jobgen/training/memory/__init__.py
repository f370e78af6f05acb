"""What a training needs, before it runs: memory by item, disk, and what would make it fit.

Three things must suffice: the memory of the device, that of the machine beside it, and the disk.
`find_target` says where the training is to run, an `Estimate` what it needs there, and
`largest_batches` and `find_remedies` what would fit instead.
"""

from jobgen.training.memory.estimate import Estimate
from jobgen.training.memory.need import Need
from jobgen.training.memory.remedies import (
    LargestBatches,
    find_remedies,
    largest_batches,
    longest_posting_on_gpu,
)
from jobgen.training.memory.target import Target, find_target

__all__ = [
    "Estimate",
    "LargestBatches",
    "Need",
    "Target",
    "find_remedies",
    "find_target",
    "largest_batches",
    "longest_posting_on_gpu",
]
