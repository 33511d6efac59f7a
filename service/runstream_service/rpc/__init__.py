"""The services of the contract. A servicer checks and translates; the rooms below do the work."""
