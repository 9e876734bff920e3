"""Strangers' bytes become accepted messages."""
