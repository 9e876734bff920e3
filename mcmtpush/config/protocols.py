"""The grammar of `tls_protocols`: versions of TLS, each with a sign, joined by colons.

Judges a written value and brings it into the one form that every user of the option
reads alike.  Knows no OpenSSL: which versions are spoken is a rule of this program.
"""

from __future__ import annotations

import re
from typing import Final

from mcmtpush.config.tokens import shown


_SPOKEN: Final = ("TLSv1.2", "TLSv1.3")
_KNOWN: Final = ("ALL", "SSLv2", "SSLv3", "TLSv1", "TLSv1.0", "TLSv1.1", *_SPOKEN)
"""Versions that are not spoken may be named: files of old say what they will not."""

_MEANT: Final = {
    name.lower(): frozenset(_SPOKEN) if name == "ALL" else frozenset({name})
    for name in _KNOWN
}
_WORD: Final = re.compile(r"([+-]?)([^\s+-]\S*)")


def read_protocols(text: str) -> str:
    """The value in its plain form, such as `+ALL:-TLSv1.3`; case is kept.

    `+` or no sign adds, `-` removes, in order.  A list that begins by removing
    begins with all, which the result says.

    Raises:
        ValueError: a word is no version, or neither TLSv1.2 nor TLSv1.3 is left; the
            text names the words.
    """
    words = [word.strip() for word in text.split(":") if word.strip()]
    if words and words[0].startswith("-"):
        words.insert(0, "+ALL")
    left: frozenset[str] = frozenset()
    unknown = []
    for word in words:
        found = _WORD.fullmatch(word)
        meant = _MEANT.get(found[2].lower()) if found else None
        if found is None or meant is None:
            unknown.append(shown(word))
        else:
            left = left - meant if found[1] == "-" else left | meant
    if unknown:
        raise ValueError(
            f"{', '.join(unknown)}: no such version of TLS; there are "
            f"{' '.join(_KNOWN)}, each with + or - before it, joined by colons"
        )
    if left.isdisjoint(_SPOKEN):
        raise ValueError(
            f"{shown(text)} leaves neither {' nor '.join(_SPOKEN)}, and nothing older "
            "is spoken"
        )
    return ":".join(words)
