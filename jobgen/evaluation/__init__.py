"""Sets of postings -> figures, plots, a page to read."""
