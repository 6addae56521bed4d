"""One whole iteration of the loop on one machine, at reduced size with real weights: the architecture in action.

The only package that imports all four others; each step is a function of the product's own code.
"""
