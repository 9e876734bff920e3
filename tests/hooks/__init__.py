"""Tests of operators' policy."""
