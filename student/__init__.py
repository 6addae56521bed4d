"""The student: a compact encoder with small heads, its bundle format and its torch-free runtime.

This is the lowest package: `edge_agent`, `federation` and `teacher` import it and it imports none of them.
Modules beside this file run at branches and never reach torch; `student.distill` makes students and may.
"""
