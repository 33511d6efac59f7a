"""Whether this program is the kernel of a notebook, and of which."""

from __future__ import annotations

import os
import sys


def is_notebook() -> bool:
    """Return whether this program is a kernel of Jupyter.

    A program that has imported `ipykernel`, as other libraries do, is none.
    """
    get_shell = getattr(sys.modules.get("IPython"), "get_ipython", None)
    return get_shell is not None and hasattr(get_shell(), "kernel")


def find_notebook_path() -> str:
    """Return the path of the notebook, "" if whoever started the kernel does not tell it."""
    main = sys.modules.get("__main__")  # where VS Code tells it
    return os.environ.get("JPY_SESSION_NAME") or str(getattr(main, "__vsc_ipynb_file__", ""))
