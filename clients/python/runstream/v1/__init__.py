"""Messages, stubs and servicers of the contract, generated from `proto/runstream/v1`.

`runstream.v1.NAME_pb2` holds the messages of `NAME.proto` and `runstream.v1.NAME_pb2_grpc` its
stubs. They are made when the package is built or installed.
"""
