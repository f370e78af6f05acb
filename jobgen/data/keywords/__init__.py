"""Keywords of a posting: which phrases there are, which are likely keywords, which are picked."""
