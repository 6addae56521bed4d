"""What stands on a frozen encoder's embeddings, trained or distilled: the intent head and the query adapter."""
