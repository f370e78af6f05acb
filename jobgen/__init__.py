"""Fine-tune causal language models on job postings and write new ones from a title and keywords."""
