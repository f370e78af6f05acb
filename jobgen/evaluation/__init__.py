"""Sets of postings -> metrics, plots, and a page to read."""
