"""The whole check of a text, as tests ask for it."""

from __future__ import annotations

from mcmtpush.config.lint import load_configuration
from mcmtpush.judges import JUDGES
from tests.config.keys import certificate, day, key
from tests.config.samples import MAIN, memory


PUSH = """
apn {}
domain "e.com" {
  delivery_method = "apn" routes = ( "apn://gateway?port=2195" )
  tls_certificate = "app.pem" tls_key = "app.key" idle_timeout = 30
}
"""


def check(text: str, *, at: float = 10, **files: bytes | str) -> list[str]:
    """The lines of a check on day 10, with a good certificate and key."""
    files = {
        "/etc/mcmtpush/app.pem": certificate(),
        "/etc/mcmtpush/app.key": key(),
        **files,
    }
    _, findings = load_configuration(
        MAIN, memory(text, **files), day(at), judges=JUDGES
    )
    return [str(finding).removeprefix(f"{MAIN}:") for finding in findings]
