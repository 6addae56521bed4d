"""Scopes, API keys and the file that holds their digests: who may do what. Knows nothing of HTTP."""
