"""Fine-tune causal language models on job postings and write new ones from a title and keywords."""

import logging
import os

# PyTorch takes its large blocks by whole pages, and asks for huge ones. A heap that keeps what is
# freed (training.keep_freed_memory) grew less with it: EXPERIMENTS.md. Here, because PyTorch reads
# it once, at its first tensor; a notebook that has made one before does without.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")

# Imported by transformers, they warn of parts that are for GPUs only.
for _name in ("torchao", "torch.utils._pytree"):
    logging.getLogger(_name).setLevel(logging.ERROR)
