"""What several worker processes of one machine have together."""
