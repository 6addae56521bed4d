"""Figures as Markdown: the table of the README and the pages of `docs/benchmarks`, from `benchmarks/results`."""
