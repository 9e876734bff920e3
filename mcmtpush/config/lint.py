"""What is well written and still will not work: the checks behind `mcmtpush check`.

Takes the tree that `config.merge` made and says, with its place, what a running
gateway would stumble over.  An error keeps the program from starting, a warning
does not.  The findings are listed in `docs/reference/command-line.md`.
"""

from __future__ import annotations

import posixpath

from mcmtpush.config.credentials import Credentials
from mcmtpush.config.finding import has_errors, in_order
from mcmtpush.config.identity import check_credentials
from mcmtpush.config.judge import Judges, ask_judges, judge_policy
from mcmtpush.config.listener import check_listens
from mcmtpush.config.merge import read_configuration
from mcmtpush.config.module import check_modules, check_policy
from mcmtpush.config.outbound import cases, check_case
from mcmtpush.config.provider import check_provider
from mcmtpush.config.remark import check_scope
from mcmtpush.config.settings import Configuration
from mcmtpush.config.tree import Scope
from mcmtpush.errors import ConfigError
from mcmtpush.ports import Files


def load_configuration(
    path: str,
    files: Files,
    now: float,
    hostname: str = "localhost",
    judges: Judges | None = None,
    *,
    search_path: tuple[str, ...] | None = None,
) -> tuple[Configuration | None, list[ConfigError]]:
    """Read and check the configuration at `path`.

    Args:
        path: the main file, as the user named it.
        files: how files are read.
        now: seconds since the epoch, for certificates that expire.
        hostname: of this machine, where the configuration gives none.
        judges: who judges record formats, cipher lists and scripts; without them
            these are taken as they are.
        search_path: where included files are looked for, see `read_configuration`.

    Returns:
        The configuration, or None if a finding is an error, and all findings of
        all files in order.
    """
    root, findings = read_configuration(path, files, search_path)
    folders = (posixpath.dirname(path),) if search_path is None else search_path
    findings += lint(root, files, now)
    if judges is not None:
        findings += ask_judges(root, files, judges)
        findings += judge_policy(root, folders, files, judges)
    findings = in_order(path, findings)
    if has_errors(findings):
        return None, findings
    return Configuration(root, hostname, folders), findings


def lint(root: Scope, files: Files, now: float) -> list[ConfigError]:
    """Every finding about a tree; `now` is seconds since the epoch."""
    deliveries = cases(root)
    return [
        *(finding for scope in root.walk() for finding in check_scope(scope)),
        *(finding for case in deliveries for finding in check_case(case, deliveries)),
        *(
            finding
            for case in deliveries
            for finding in check_provider(case, deliveries)
        ),
        *check_modules(root, deliveries),
        *check_policy(root),
        *check_listens(root, deliveries),
        *check_credentials(root, deliveries, Credentials.of(root, files, now)),
    ]
