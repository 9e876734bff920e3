"""The durable truth: what was acknowledged is on the disk."""
