"""Table of postings -> prepared tables."""
