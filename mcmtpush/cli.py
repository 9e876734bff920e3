"""The `mcmtpush` command: its verbs, their arguments and exit codes.

Each verb asks one pure module and prints what it answers: `check` the lint,
`explain` the look-up.  All others are in `mcmtpush.verbs`.
"""

from __future__ import annotations

import os
import sys
import time

import click

from mcmtpush._version import __version__
from mcmtpush.config import explain as explaining
from mcmtpush.config.finding import as_data, has_errors, stricter, summary
from mcmtpush.config.lint import load_configuration
from mcmtpush.config.merge import read_configuration
from mcmtpush.files import DiskFiles, read_search_path
from mcmtpush.judges import JUDGES
from mcmtpush.verbs.channels import channels
from mcmtpush.verbs.keys import keys
from mcmtpush.verbs.migrate import migrate
from mcmtpush.verbs.output import Outspoken, print_json
from mcmtpush.verbs.queue import queue
from mcmtpush.verbs.send import send
from mcmtpush.verbs.spool import dead, spool


_CONFIGURATION = click.Path(exists=True, dir_okay=False)


@click.group(cls=Outspoken, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="mcmtpush")
def main() -> None:
    """Push notifications the way mail is sent.

    The gateway itself is started by twistd: twistd --nodaemon mcmtpush --config
    FILE.  The verbs below check and explain its configuration, without a running
    gateway, send a push through one, and look after its spool.
    """


for _verb in (send, migrate, keys, channels, queue, dead, spool):
    main.add_command(_verb)


# -- check ----------------------------------------------------------------------------


@main.command()
@click.argument("file", type=_CONFIGURATION)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list of findings.")
@click.option("--strict", is_flag=True, help="Take every warning for an error.")
def check(file: str, as_json: bool, strict: bool) -> None:
    """Say what is wrong with the configuration FILE.

    One line for each finding, file:line:column: severity: message, and a last line
    that sums up.  Certificates, keys, the simulator's script and scripts of policy
    are opened, nothing else is touched and no script is run.

    Exit code: 0 no errors, 1 errors, 2 unusable arguments.
    """
    _, findings = load_configuration(
        file,
        DiskFiles(),
        time.time(),
        judges=JUDGES,
        search_path=read_search_path(os.environ),
    )
    if strict:
        findings = stricter(findings)
    if as_json:
        print_json([as_data(finding) for finding in findings])
    else:
        for finding in findings:
            click.echo(str(finding))
        click.echo(summary(file, findings))
    sys.exit(1 if has_errors(findings) else 0)


# -- explain --------------------------------------------------------------------------


@main.command()
@click.argument("file", type=_CONFIGURATION)
@click.argument(
    "words",
    nargs=-1,
    required=True,
    metavar="[binding_group G] [binding B] [domain D | listen ADDR [peer IP]] OPTION",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def explain(file: str, words: tuple[str, ...], as_json: bool) -> None:
    """Say which value of OPTION holds in FILE, and where it comes from.

    Without further words the option is looked up for messages that no binding or
    domain stanza is about; naming some of them asks for those.  Values that lose
    are listed nearest first.

    \b
    mcmtpush explain gw.conf retry_interval
    mcmtpush explain gw.conf domain apn_example.com routes
    mcmtpush explain gw.conf binding_group g binding x domain e.com idle_timeout
    mcmtpush explain gw.conf listen :2525 peer 192.0.2.9 mcmt_reception
    mcmtpush explain gw.conf apn_logger:main.logfile

    Exit code: 0 answered, 1 the file has errors, 2 unusable arguments.
    """  # noqa: D301 - click wants the character
    root, findings = read_configuration(file, DiskFiles(), read_search_path(os.environ))
    if has_errors(findings):
        for finding in findings:
            if finding.severity == "error":
                click.echo(str(finding), err=True)
        sys.exit(1)
    try:
        query = explaining.parse_query(words)
        answer = explaining.explain(root, query)
        unknown = explaining.undeclared(root, query)
        notes = [f"{what} is not in {file}" for what in unknown]
        notes += filter(None, [explaining.overruled(root, query)])
    except explaining.QueryError as error:
        raise click.UsageError(str(error)) from None
    for note in notes:
        click.echo(f"note: {note}", err=True)
    if as_json:
        print_json(answer.data())
    else:
        click.echo(answer.text())


if __name__ == "__main__":
    main()
