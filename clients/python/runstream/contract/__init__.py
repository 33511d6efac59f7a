"""What goes into the messages of the contract and comes out of them, checked."""
