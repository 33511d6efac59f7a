"""`python -m runstream`: the `runstream` command of this very interpreter."""

from runstream.cli import main

if __name__ == "__main__":
    main()
