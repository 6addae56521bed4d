"""Texts made into something to learn from: corpora, pairs of query and passage, answerability examples."""
