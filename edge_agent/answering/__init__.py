"""The query pipeline: a question, its stages and their results, to a cited answer or to none. Lookups beside it."""
