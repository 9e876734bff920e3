"""Queue entries become attempts with outcomes."""
