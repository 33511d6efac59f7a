"""Exports of Neptune, as its exporter writes them: Parquet files, and downloaded files."""
