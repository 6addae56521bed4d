"""Compound files ([MS-CFB]), the container of Office files of before 2007 and of Outlook's mails."""

import struct

DAMAGE = (
    AttributeError,
    IndexError,
    OSError,
    OverflowError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
)
"""Errors that olefile lets through where a compound file or a stream in it is damaged."""
