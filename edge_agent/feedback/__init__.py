"""Judgements of answers and the queue of reviews: identifiers are masked before anything is written."""
