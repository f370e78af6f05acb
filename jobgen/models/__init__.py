"""From the name of a model to tokenizer and weights."""
