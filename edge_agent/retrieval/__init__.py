"""Search: passages by meaning (exact scan, HNSW graph) and by words (BM25), one ranking, one snapshot of the base."""
