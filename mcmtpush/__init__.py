"""An MTA's queue in front of an Apple push client's connections."""
