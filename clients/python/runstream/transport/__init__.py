"""The way to a server: its address, the channel, and calls with deadlines."""
