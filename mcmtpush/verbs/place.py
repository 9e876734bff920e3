"""Which spool a verb is about, and what all such verbs have in common."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from mcmtpush.config.finding import has_errors
from mcmtpush.config.merge import read_configuration
from mcmtpush.config.part import number_of
from mcmtpush.config.settings import Configuration
from mcmtpush.errors import McmtPushError, SpoolError
from mcmtpush.files import DiskFiles, read_search_path
from mcmtpush.spool.database import require_spool
from mcmtpush.spool.folder import DATABASE, worker_folders
from mcmtpush.verbs.output import UNUSABLE, leave


DEFAULT_CONFIGURATION = "conf/ecelerity.conf"

Decorated = Callable[..., Any]


def place(verb: Decorated) -> Decorated:
    """The two options that say which spool."""
    verb = click.option(
        "--spool",
        "folder",
        # Who may read it is said where it is read, better than click does.
        type=click.Path(exists=True, file_okay=False, readable=False),
        metavar="FOLDER",
        help="The spool folder, instead of a configuration that names it.",
    )(verb)
    return click.option(
        "--config",
        "config",
        default=DEFAULT_CONFIGURATION,
        show_default=True,
        type=click.Path(),
        metavar="FILE",
        help="The gateway's configuration, which names the spool folder.",
    )(verb)


def databases(config: str, folder: str | None) -> list[str]:
    """The paths of the databases of all workers, that of the first worker first.

    Leaves with 2 when nothing says where they are.
    """
    base = spool_folder(config, folder)
    folders = [base, *(path for _, path in worker_folders(base))]
    return [str(Path(each) / DATABASE) for each in folders]


def spool_folder(config: str, folder: str | None) -> str:
    """The spool folder of the gateway; leaves with 2 when nothing says where it is."""
    if folder is None:
        if not os.path.isfile(config):  # noqa: PTH113 - of Path's it raises, 3.11
            raise click.UsageError(
                f"{config} does not exist: name the configuration with --config FILE, "
                "or the spool with --spool FOLDER"
            )
        root, findings = read_configuration(
            config, DiskFiles(), read_search_path(os.environ)
        )
        if has_errors(findings):
            leave(f"{config} has errors: run mcmtpush check {config}", UNUSABLE)
        try:
            folder = Configuration(root, socket.gethostname()).process().spoolbase
        except McmtPushError as error:
            leave(str(error), UNUSABLE)
    return folder


def commanded_folder(config: str, folder: str | None) -> str:
    """The spool folder in which a gateway looks for orders.

    Leaves with 2, or raises SpoolError, when no gateway ever will.
    """
    base = spool_folder(config, folder)
    require_spool(str(Path(base) / DATABASE))
    path = Path(base).resolve()
    if number_of(path.name) and (path.parent / DATABASE).is_file():
        leave(f"{base} is the spool of one worker: name {path.parent}", UNUSABLE)
    return base


class Group(click.Group):
    """A spool that cannot be read ends every verb with 2."""

    def invoke(self, ctx: click.Context) -> Any:
        """As click does."""
        try:
            return super().invoke(ctx)
        except SpoolError as error:
            leave(str(error), UNUSABLE)


def moment(at: float) -> str:
    """Seconds since the epoch for people, UTC."""
    try:
        return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return str(at)
