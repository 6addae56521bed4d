"""The making of students and their bundles: distillation, heads, verifier, export. Needs the extra `distill` (torch).

Recipes are TOML files in `recipes/`. Branches never import this package.
"""
