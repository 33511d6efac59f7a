"""What it costs that a server knows its callers."""

from __future__ import annotations

import dataclasses
import statistics
import sys

import grpc

from benchmarks.bench import Bench, progress
from benchmarks.figure import Figure, Measured, Target
from benchmarks.server import Server
from runstream import TrackingClient
from runstream.v1 import access_service_pb2 as pb
from runstream.v1.access_service_pb2_grpc import AccessServiceStub
from support.virtual_environments import ROOT  # noqa: F401 # see below
