"""What programs write on their consoles, on its way to the terminal and to the run.

channel.py    the pipe or pseudo-terminal that takes the place of stdout or stderr
lines.py      bytes to lines, where a progress bar is one line
recorder.py   lines to the run: at which rate, and what is left out
relay.py      the loop that reads channels, passes on what they bring, and records it
"""
