"""The verbs of the `mcmtpush` command, those of one kind in one module."""
