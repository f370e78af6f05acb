"""What a training needs, in bytes by item."""

from dataclasses import dataclass

from jobgen.training.memory.target import Target

_KINDS = ("device", "host", "disk")  # attributes of both `Target` and `Need`


@dataclass
class Need:
    """Bytes that a training needs, by item.

    Attributes:
        device: memory of each GPU; on a CPU, of each process.
        host: memory of the machine beside its GPUs; empty on a CPU.
        disk: space for the run folder.
    """

    device: dict[str, float]
    host: dict[str, float]
    disk: dict[str, float]

    def total(self, kind: str) -> float:
        """Bytes of "device", "host" or "disk"."""
        return sum(getattr(self, kind).values())

    def shortfalls(self, target: Target) -> list[str]:
        """Which of "device", "host" and "disk" the target has too little of."""
        return [kind for kind in _KINDS if self.total(kind) > getattr(target, kind)]
