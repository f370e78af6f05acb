"""From prepared tables to a fine-tuned model."""
