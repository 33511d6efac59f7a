"""Files of this computer, and what programs have in memory as the bytes of a file."""
