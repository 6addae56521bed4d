"""Makes students: export, quantization, heads, comparison. Needs the extra `distill` (torch)."""
