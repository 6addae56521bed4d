"""Files of every package, whoever writes them: digests, durable writes, JSON lines, settings.

Formats of particular artefacts (bundles, targets, releases) live with those who write them. Standard library and
pydantic only.
"""
