"""The command line of `twistd apns-simulator`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from twisted.python import usage

from mcmtpush.simulator.argument import KeyFile, read_address, read_key_file, read_seed
from mcmtpush.simulator.complaint import give_up


DEFAULT_LISTEN: Final = "127.0.0.1:2195"


class Options(usage.Options):
    """The command line.

    Attributes:
        key_files: those of `--key-file`.
    """

    synopsis = "[options]"
    longdesc = (
        "A pretend Apple push gateway for the binary protocol (commands 0, 1 and 2) "
        "and for the HTTP/2 provider API: it takes notifications over TLS, answers as "
        "Apple does, keeps a journal, and makes the faults its script asks for."
    )
    optParameters = [  # noqa: RUF012 - Twisted's way
        [
            "listen",
            "l",
            None,
            f"HOST:PORT of the gateway ({DEFAULT_LISTEN} without --http2); 0 is any.",
        ],
        ["feedback", "f", None, "HOST:PORT of the feedback service; none without."],
        ["http2", "2", None, "HOST:PORT of the HTTP/2 provider API; none without."],
        [
            "client-ca",
            None,
            None,
            "PEM file: who signs client certificates for HTTP/2 (else development).",
        ],
        ["certificate", "c", None, "PEM file with the server's certificate chain."],
        ["key", "k", None, "PEM file with its key; else it is with the certificate."],
        [
            "certificates",
            "C",
            None,
            "Folder for development certificates, made if absent (else temporary).",
        ],
        ["journal", "j", None, "File that gets one JSON line for every frame."],
        ["script", "s", None, "JSON file that says which faults to make."],
        ["seed", None, None, "Seed of chance, instead of the script's."],
    ]

    optFlags = [  # noqa: N815, RUF012 - Twisted's way
        ["old-tls", None, "Let clients in that know nothing newer than TLS 1.0."],
    ]

    def __init__(self) -> None:
        super().__init__()
        self.key_files: list[KeyFile] = []

    def opt_key_file(self, text: str) -> None:
        """FILE:KEYID:TEAMID of a provider key for HTTP/2 (.p8 or public PEM), or more
        of them; :development or :production may follow.
        """  # noqa: D205 - Twisted shows all of it as help
        self.key_files.append(_checked("key-file", read_key_file, text))

    def parseOptions(self, options: Sequence[str] | None = None) -> None:  # noqa: N802 - Twisted's
        """As usual, but a fault is one line and not a page of help."""
        try:
            usage.Options.parseOptions(self, options)
        except usage.error as error:
            give_up(str(error))

    def postOptions(self) -> None:
        """Check what can be checked without touching anything."""
        if self["listen"] is None and self["http2"] is None:
            self["listen"] = DEFAULT_LISTEN
        for name in ("listen", "feedback", "http2"):
            if self[name] is not None:
                self[name] = _checked(name, read_address, self[name])
        if self["seed"] is not None:
            self["seed"] = _checked("seed", read_seed, self["seed"])
        if self["key"] and not self["certificate"]:
            raise usage.UsageError("--key needs --certificate")
        if self["certificate"] and self["certificates"]:
            raise usage.UsageError("give --certificate or --certificates, not both")


def _checked(name: str, read: Any, text: str) -> Any:
    try:
        return read(text)
    except ValueError as error:
        raise usage.UsageError(f"--{name}: {error}") from error
