"""The log an operator is owed, as data and then as text."""
