"""Prepared tables -> a fine-tuned model."""
