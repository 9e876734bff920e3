"""Tests: verbs of the command."""
