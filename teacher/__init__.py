"""The teacher: a large encoder at the center, its training, its targets, and the whole loop on top.

The highest package: it imports all others and none imports it. Nothing here runs at a branch.
"""
