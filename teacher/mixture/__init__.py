"""Several teachers as one: what is asked of each, and how their embeddings become one target.

Embeddings of each are centered by role, scaled by its weight, set beside each other and reduced to the student's
dimension, so that similarities are the weighted mean of the teachers' similarities.
"""
