"""The services of the contract. A servicer checks and translates; the store does the work."""
