"""Fine-tune causal language models on job postings and write new ones from a title and keywords."""

import os

# PyTorch takes its large blocks at multiples of 2 MB, on huge pages. In a heap that keeps what is
# freed (training.keep_freed_memory) they leave fewer holes. Here, because PyTorch reads it once, at
# its first tensor.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
