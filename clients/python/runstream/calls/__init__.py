"""TrackingClient: every RPC as a method."""
