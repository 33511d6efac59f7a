"""The store: experiments, runs and points in an SQL database.

It speaks of runs, points and columns, and raises the errors of `runstream.errors`; of gRPC and
Protobuf it knows nothing. All writing happens on the thread of `writer.Writer`, all reading on
the threads of `readers.Readers`, each thread with a connection of its own.
"""
