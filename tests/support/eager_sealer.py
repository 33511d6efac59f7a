"""The program of a server that seals all the time, into small chunks."""

EAGER = """
from runstream_service.points import backlog, codec, sealing
backlog.SEAL_ROWS, backlog.SEAL_POINTS, backlog.SEAL_SERIES_POINTS = 8, 100, 1
backlog.IDLE_SECONDS = 0.2
sealing.MIN_POINTS = sealing.MIN_IDLE_POINTS = 4
sealing.FULL_POINTS = codec.FULL_POINTS = 64
from runstream.cli import main
main()
"""
