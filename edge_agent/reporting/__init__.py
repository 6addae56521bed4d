"""The base report: the state of a branch's documents, and what to mend first."""
