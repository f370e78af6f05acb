"""Pure functions of a text."""
