"""From the name of a model to its tokenizer and weights, and to a GGUF file."""
