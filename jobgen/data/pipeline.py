"""The stages of a preparation, in the order in which the data flows.

    source -> `split_source` -> rows                     (jobgen.data.source)
           -> `count_words` -> vocabulary                (jobgen.data.text_stages)
           -> `clean_rows` -> clean rows
           -> `find_standing_sentences` -> sentences
           -> `measure_rows` -> rows that are not too long, their hashes
           -> `group_rows` -> split groups               (jobgen.data.grouping)
           -> `embed_sample`, `count_phrases` -> corpus  (jobgen.data.keyword_stages; not KeyBERT)
           -> `add_keywords` -> keywords
           -> `assemble_tables` -> train, test           (jobgen.data.assembly)

Each stage reads its input from the chunk store and writes its result there; what is complete is not
repeated.
"""

from jobgen.data.context import PipelineContext, open_context
from jobgen.data.grouping import group_rows
from jobgen.data.keyword_stages import add_keywords, check_embedder, count_phrases, embed_sample
from jobgen.data.text_stages import (
    clean_rows,
    count_words,
    find_standing_sentences,
    measure_rows,
)

__all__ = ["open_context", "run_stages"]


def run_stages(context: PipelineContext) -> None:
    """Run all stages between `split_source` and `assemble_tables`.

    Raises:
        InputError: the embedding model cannot be used.
        TableError: no posting is left.
    """
    check_embedder(context)
    count_words(context)
    clean_rows(context)
    find_standing_sentences(context)
    measure_rows(context)
    group_rows(context.config, context.store)
    if context.config.extractor == "phrases":
        embed_sample(context)
        count_phrases(context)
    add_keywords(context)
