"""Pure functions of a text: n-grams, coverage of keywords, memorized spans, redaction."""
