"""`mcmtpush migrate`: what a configuration must change to leave the binary gateway."""

from __future__ import annotations

import os
import sys

import click
from attrs import asdict

from mcmtpush.config.finding import has_errors
from mcmtpush.config.merge import read_configuration
from mcmtpush.config.migration import Migration
from mcmtpush.config.migration import migrate as plan
from mcmtpush.config.views import KeySettings
from mcmtpush.files import DiskFiles, read_search_path
from mcmtpush.verbs.output import UNUSABLE, leave, print_json


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option(
    "--key-file", metavar="FILE", help="Use this key (.p8), as FILE would name it."
)
@click.option("--key-id", metavar="ID", help="Apple's id of the key.")
@click.option("--team-id", metavar="ID", help="Apple's id of the developer team.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def migrate(
    file: str,
    key_file: str | None,
    key_id: str | None,
    team_id: str | None,
    as_json: bool,
) -> None:
    """Say how the configuration FILE gets from Apple's binary gateway to HTTP/2.

    Prints a unified diff of all files concerned, and on standard error what only
    people can decide.  Changes nothing: the diff is for patch -p0, in the folder
    from which FILE was named.  Without a key the certificates go on being used.

    Exit code: 0 printed, also when there is nothing to change, 1 the file has
    errors, 2 unusable arguments.
    """
    given = (key_file, key_id, team_id)
    if any(given) and not all(given):
        raise click.UsageError("--key-file, --key-id and --team-id go together")
    key = KeySettings(*map(str, given)) if all(given) else None
    files = DiskFiles()
    root, findings = read_configuration(file, files, read_search_path(os.environ))
    if has_errors(findings):
        for finding in findings:
            if finding.severity == "error":
                click.echo(str(finding), err=True)
        sys.exit(1)
    try:
        found = plan(root, files, file, key)
    except OSError as error:
        leave(f"{error.filename} cannot be read: {error.strerror}", UNUSABLE)
    if as_json:
        _print_data(found)
    else:
        _print_text(file, found)


def _print_data(found: Migration) -> None:
    """The names are a public promise."""
    print_json(
        {
            "files": [{"file": one.file, "diff": one.diff} for one in found.files],
            "notes": [
                {**asdict(note.place), "message": note.text} for note in found.notes
            ],
        }
    )


def _print_text(file: str, found: Migration) -> None:
    for one in found.files:
        click.echo(one.diff, nl=False)
    for note in found.notes:
        click.echo(f"note: {note}", err=True)
    if not found.files:
        click.echo(f"{file}: nothing leads to Apple's binary gateway", err=True)
