"""The storage of artifact contents: a folder of this machine, or an S3-compatible bucket.

The database knows which run has which file, and which content a file has (`catalog/`).
"""
