"""Search: a filter becomes a tree, the tree a condition of SQL, and an order a way of paging.

    text ──parse──> tree ──conditions──> Peewee expressions ──runs, experiments──> a page of rows

Nothing here builds SQL out of text. The grammar for users is in docs/search.md.
"""
