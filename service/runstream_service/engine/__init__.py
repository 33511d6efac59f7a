"""The database: tables, statements, the thread that writes and those that read."""
