"""Training the answerability verifier over a bundle's frozen token embeddings, and putting it into a bundle."""
