"""How the client reaches a server: its address, the channel, and calls with deadlines."""
