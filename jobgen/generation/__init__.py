"""Titles and keywords -> postings."""
