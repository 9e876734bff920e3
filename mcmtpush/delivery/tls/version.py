"""Which versions of TLS `tls_protocols` leaves: 1.2 and later are spoken, no others."""

from __future__ import annotations

from typing import Final

from OpenSSL import SSL

from mcmtpush.delivery.tls.fault import fault


VERSIONS: Final = {
    "TLSv1.2": SSL.TLS1_2_VERSION,
    "TLSv1.3": SSL.TLS1_3_VERSION,
}
"""What is spoken, and what OpenSSL calls it."""

_NAMES: Final = {name.lower(): name for name in VERSIONS}
_RETIRED: Final = frozenset({"sslv2", "sslv3", "tlsv1", "tlsv1.0", "tlsv1.1"})


def read_protocols(text: str) -> tuple[frozenset[str], tuple[str, ...]]:
    """The TLS versions that `tls_protocols` leaves, and retired ones it asks for.

    `+ALL:-TLSv1.2`: names joined by colons, `+` (or nothing) adds, `-` removes;
    a list that begins by removing begins with all.  Raises `ConfigError` for an
    unknown name and when nothing is left.
    """
    items = [item.strip() for item in text.split(":") if item.strip()]
    names = set(VERSIONS) if not items or items[0].startswith("-") else set()
    retired = []
    for item in items:
        name = item.lstrip("+-").lower()
        if name == "all":
            found = set(VERSIONS)
        elif name in _NAMES:
            found = {_NAMES[name]}
        elif name in _RETIRED:
            found = set()
            if not item.startswith("-"):
                retired.append(item.lstrip("+"))
        else:
            raise fault("tls_protocols", f"{item!r} is no version of TLS")
        names = names - found if item.startswith("-") else names | found
    if not names:
        raise fault(
            "tls_protocols", f"{text!r} leaves nothing; TLSv1.2 and TLSv1.3 are spoken"
        )
    return frozenset(names), tuple(retired)
