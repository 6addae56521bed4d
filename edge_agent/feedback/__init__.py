"""Judgements of answers, what is remembered of them, and the queue of reviews: masked before anything is written."""
