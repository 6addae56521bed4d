"""The student: a compact encoder with small heads, its bundle format and its torch-free runtime.

The lowest package: `edge_agent`, `federation` and `teacher` import it, and it imports none of them. Everything but
`student.distill` and `student.evaluation` runs at branches and never reaches torch.
"""
