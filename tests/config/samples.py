"""Configurations in memory for the tests of this folder."""

from __future__ import annotations

import posixpath

from attrs import define, field

from mcmtpush.config.merge import read_configuration
from mcmtpush.config.settings import Configuration
from mcmtpush.config.tree import Scope


MAIN = "/etc/mcmtpush/gw.conf"

SAMPLE = """\
/* block comment */
hostname = gw1.example.net            # bare word
RELAY_HOSTS = ( 127.0.0.0/8 "::1", "192.0.2.0/24" )
include "conf.d"
esmtp_listener {
  idle_time = "300"
  peer "192.0.2.0/24" { context = [ mcmt_reception = "allow"  "tag" = 7 ] }
  listen ":2525"{ enable=on MCMT_Reception = "reject" file_mode = 0660 }
}
domain /(^|[.])push\\.example\\.net$/ { max_outbound_connections = 4 }
domain "app.push.example.net" {
  delivery_method = "APN"
  routes = ("apn://gateway.push.apple.com?port=2195")
  tls_certificate = /etc/mcmtpush/app.pem
}
apn {}
apn_logger "main" { logmode = 0644 logfile = "/var/log/apnlog.ec" }
"""
"""A bit of everything the language has."""


@define
class MemoryFiles:
    """The `Files` port on a dictionary."""

    contents: dict[str, bytes]
    modes: dict[str, int] = field(factory=dict)

    def read(self, path: str) -> bytes:
        if path not in self.contents:
            raise FileNotFoundError(2, "No such file or directory", path)
        return self.contents[path]

    def entries(self, path: str) -> list[str] | None:
        if path in self.contents:
            return None
        prefix = posixpath.join(path, "")
        names = {
            name.removeprefix(prefix).partition("/")[0]
            for name in self.contents
            if name.startswith(prefix)
        }
        if not names:
            raise FileNotFoundError(2, "No such file or directory", path)
        return sorted(names)

    def mode(self, path: str) -> int:
        return self.modes.get(path, 0o600)


def memory(text: str, **others: bytes | str) -> MemoryFiles:
    """The main file, and others by absolute path."""
    contents = {MAIN: text.encode()}
    for path, content in others.items():
        contents[path] = content.encode() if isinstance(content, str) else content
    return MemoryFiles(contents)


def tree(text: str, **others: bytes | str) -> Scope:
    """The tree of a configuration that has no errors."""
    root, findings = read_configuration(MAIN, memory(text, **others))
    errors = [str(finding) for finding in findings if finding.severity == "error"]
    assert not errors, errors
    return root


def configuration(text: str, hostname: str = "host.example.net") -> Configuration:
    """A configuration given as text."""
    return Configuration(tree(text), hostname)
