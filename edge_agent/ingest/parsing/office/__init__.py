"""Pieces of the office formats: styles, numbering, runs, symbols, drawings, properties; parsers are in `formats`."""
