"""Errors of making intents: `IntentsRefused` below `OrillaError`."""

from student.errors import OrillaError


class IntentsRefused(OrillaError):
    """Examples, or a file of two labellers, cannot be used; the message gives the lines."""
