"""The outbox: data that was logged and is not answered yet, and the thread that sends it."""
