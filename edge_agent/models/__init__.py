"""The active model (bundle and index) and the change to a bundle of another embedding space without a pause."""
