"""How the program ends when it cannot begin."""

from __future__ import annotations

import sys
from typing import NoReturn


def give_up(*lines: str) -> NoReturn:
    """Exit with code 1; every line says what is wrong."""
    sys.exit("\n".join(f"apns-simulator: {line}" for line in lines))
