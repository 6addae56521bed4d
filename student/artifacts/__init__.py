"""Files of the loop, whoever writes them: digests, durable writes, JSON lines, settings.

Standard library and pydantic only.
"""
