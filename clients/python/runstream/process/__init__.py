"""The process of the program: its source tags, and its end."""
