"""Running the teacher once over a corpus and writing its embeddings down: the targets of distillation."""
