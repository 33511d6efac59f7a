"""The commands of `runstream` that open a database themselves."""
