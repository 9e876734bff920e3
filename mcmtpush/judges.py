"""Who judges what the configuration's own language cannot: `config.lint` asks these.

Record formats are judged by the records, scripts by the simulator, those of policy by
the hooks, cipher lists by the OpenSSL that will have to use them.  Every judge takes
what an option holds or names, and answers with sentences; no sentence means that
there is no fault.
"""

from __future__ import annotations

from typing import Final

from OpenSSL import SSL

from mcmtpush.config.judge import Judges
from mcmtpush.config.tokens import shown
from mcmtpush.errors import ConfigError, ConfigErrors
from mcmtpush.hooks.loading import check as check_policy
from mcmtpush.records.macros import check_format
from mcmtpush.simulator.reader import read_script


def check_ciphers(text: str) -> list[str]:
    """What is wrong with a cipher list."""
    try:
        SSL.Context(SSL.TLS_METHOD).set_cipher_list(text.encode())
    except SSL.Error:
        return [f"{shown(text)} names no cipher that OpenSSL knows"]
    return []


def check_script(content: bytes) -> list[str]:
    """What is wrong with the content of a simulator's script, each with its place."""
    try:
        read_script(content)
    except ConfigErrors as faults:
        return [_sentence(fault) for fault in faults.errors]
    return []


def _sentence(fault: ConfigError) -> str:
    if fault.line:
        return f"line {fault.line}, column {fault.column}: {fault.message}"
    return fault.message


JUDGES: Final = Judges(
    format=check_format, ciphers=check_ciphers, script=check_script, policy=check_policy
)
"""All of them, for everybody who loads a configuration."""
