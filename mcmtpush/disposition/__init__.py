"""What happens now to an attempted message."""
