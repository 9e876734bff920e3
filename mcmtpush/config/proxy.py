"""An HTTP proxy as a configuration writes it: `http://[user:password@]host:port`.

Text in, value out.  The password is in no text that this file makes, faults and
`str` included; only `Proxy.spelling` and `Proxy.authorization` have it.
"""

from __future__ import annotations

import re
from base64 import b64encode
from urllib.parse import quote, unquote_to_bytes

from attrs import field, frozen

from mcmtpush.config.addresses import parse_route


_FORM = "http://host:port or http://user:password@host:port"
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")


@frozen
class Proxy:
    """Where a proxy is and what it wants to be told.

    `user` and `password` are as they are sent, empty `user` for none.
    """

    host: str
    port: int
    user: bytes = b""
    password: bytes = field(default=b"", repr=False)

    @property
    def authorization(self) -> str | None:
        """The value of `Proxy-Authorization`."""
        if not self.user:
            return None
        pair = b64encode(self.user + b":" + self.password)
        return "Basic " + pair.decode("ascii")

    @property
    def spelling(self) -> str:
        """As the configuration writes it, the password included."""
        return self._written(quote(self.password, safe=""))

    def __str__(self) -> str:
        return self._written("…")

    def _written(self, password: str) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        who = f"{quote(self.user, safe='')}:{password}@" if self.user else ""
        return f"http://{who}{host}:{self.port}"


def parse_proxy(text: str) -> Proxy:
    """Read one; user and password may have `%XX` for what an address cannot hold.

    Raises:
        ValueError: it is none; the text does not repeat what was written.
    """
    scheme = _SCHEME.match(text)
    if scheme is None or scheme[1].lower() != "http":
        raise ValueError(f"a proxy is written {_FORM}")
    credentials, _, place = text[scheme.end() :].rpartition("@")
    user, _, password = credentials.partition(":")
    if credentials and not user:
        raise ValueError("the proxy's password has no user in front of it")
    if ":" in unquote_to_bytes(user).decode("latin-1"):
        raise ValueError("the proxy's user holds a colon")
    place = place.removesuffix("/")
    try:
        route = parse_route(place, 0)
    except ValueError:
        raise ValueError(f"the proxy has no host and port: write {_FORM}") from None
    if route.port is None or re.search("[/?]", place):
        raise ValueError(f"the proxy has no host and port: write {_FORM}")
    return Proxy(
        route.host, route.port, unquote_to_bytes(user), unquote_to_bytes(password)
    )
