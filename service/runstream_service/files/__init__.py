"""Where the contents of artifacts are kept: a folder of this machine, or an S3-compatible bucket.

What is known of them (which run has which file, what its content is) is in the store.
"""
