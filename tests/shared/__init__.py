"""Tests of what worker processes have together."""
