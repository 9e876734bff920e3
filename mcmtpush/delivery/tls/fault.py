"""What is wrong with an option of TLS, as operators are told it."""

from __future__ import annotations

from mcmtpush.errors import ConfigError


def fault(option: str, message: str, path: str = "configuration") -> ConfigError:
    """The error to raise; `path` is the file that is to blame, if one is."""
    return ConfigError(f"{option}: {message}", path, option=option)
