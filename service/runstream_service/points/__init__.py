"""The points of metrics: how they are stored, and all that reads and writes them.

Nothing outside knows what a chunk or a tail is (docs/decisions/0047-points-in-columns.md).
"""
