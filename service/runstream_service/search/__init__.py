"""Search: a filter becomes a tree, the tree a condition of SQL, and an order pages of rows.

    text ──parse──> tree ──conditions──> Peewee expressions ──run_search, ...──> a page of rows

Nothing here builds SQL out of text. The grammar for users is in docs/search.md.
"""
