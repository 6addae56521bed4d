"""Adapting a student to own documents: from a folder to a bundle, with no teacher but the student itself."""
