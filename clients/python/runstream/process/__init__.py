"""What a process knows of itself: where it comes from, and how it ends."""
