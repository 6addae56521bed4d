"""Finding passages: by meaning (exact scan, HNSW graph), by words (BM25), and one ranking of both."""
