"""Intent heads of the branch's own: learned from examples that come over HTTP, kept beside the store, put to work."""
