"""One whole turn of the loop on one machine, at reduced size with real weights: the architecture in action."""
