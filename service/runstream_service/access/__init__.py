"""Who calls, and what they may do.

caller.py          the caller, as authentication finds them: name, role, groups
authentication.py  from the headers and the peer of a call to its caller
visibility.py      which experiments a caller sees, in SQL; what they may do with one
"""
