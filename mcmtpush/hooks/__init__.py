"""Operators' policy: one table of hooks, reached from two languages."""
