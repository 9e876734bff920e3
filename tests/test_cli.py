"""The verbs, run in this process: output, exit codes, names in JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from mcmtpush import cli
from mcmtpush._version import __version__
from mcmtpush.verbs.output import answering
from tests.support.case import TestCase, readable


TEXT = """\
hostname = "gw.example.net"
idle_timeout = 20
domain "e.com" { retry_interval = 7 }
esmtp_listener { listen ":2525" { open_relay = true } }
"""


class CliCase(TestCase):
    """Runs the command on a configuration file in a folder of its own."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir(parents=True)
        self.path = str(self.write("gw.conf", TEXT))

    def write(self, name: str, text: str) -> Path:
        """A file in the folder."""
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def run_verb(
        self, *words: str, stdin: bytes | None = None, search_path: str | None = None
    ) -> Result:
        """What the command says; a traceback is a failed test."""
        environment = {"EC_CONF_SEARCH_PATH": search_path}
        result = CliRunner(env=environment).invoke(cli.main, words, input=stdin)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result


class MainTests(CliCase):
    """The command as a whole."""

    def test_version(self) -> None:
        """--version names the program and its version."""
        result = self.run_verb("--version")
        self.assertEqual(result.stdout, f"mcmtpush, version {__version__}\n")

    def test_help(self) -> None:
        """Help lists every verb, and every verb has help."""
        for option in ("--help", "-h"):
            result = self.run_verb(option)
            self.assertEqual(result.exit_code, 0)
            for verb in ("check", "explain", "send"):
                self.assertIn(f"  {verb} ", result.stdout)
                self.assertIn("Exit code: 0", self.run_verb(verb, option).stdout)

    def test_output_that_fails(self) -> None:
        """A line and 3; a pipe that nobody reads ends quietly."""
        program = (sys.executable, "-m", "mcmtpush.cli")
        for words in (("check", self.path), ("--help",)):
            with Path("/dev/full").open("wb") as full:
                done = subprocess.run(
                    (*program, *words), stdout=full, stderr=subprocess.PIPE, check=False
                )
            self.assertEqual(done.returncode, 3, words)
            self.assertEqual(
                done.stderr,
                b"mcmtpush: cannot write the answer: No space left on device\n",
            )
        reader, writer = os.pipe()
        os.close(reader)
        done = subprocess.run(
            (*program, "check", self.path),
            stdout=writer, stderr=subprocess.PIPE, check=False,
        )  # fmt: skip
        os.close(writer)
        self.assertEqual((done.returncode, done.stderr), (3, b""))

    def test_files_are_not_the_output(self) -> None:
        """An error that names a file is no trouble with the output."""
        with self.assertRaises(FileNotFoundError), answering():
            raise FileNotFoundError(2, "No such file or directory", "x")

    def test_unusable_arguments(self) -> None:
        """What makes no sense ends with 2 and a line that says why."""
        for words in (
            ("nonsense",),
            ("check",),
            ("check", str(self.folder)),
            ("check", self.path, "--nonsense"),
            ("explain", self.path),
            ("send", "--to", "a@b.c"),
        ):
            result = self.run_verb(*words)
            self.assertEqual(result.exit_code, 2, words)
            self.assertIn("Error: ", result.stderr)
            self.assertEqual(result.stdout, "")


class CheckTests(CliCase):
    """mcmtpush check."""

    def test_warnings_are_allowed(self) -> None:
        """One line for each finding, one that sums up, exit code 0."""
        result = self.run_verb("check", self.path)
        self.assertEqual(result.exit_code, 0)
        finding, last = result.stdout.splitlines()
        self.assertTrue(finding.startswith(f"{self.path}:4:35: warning: "), finding)
        self.assertEqual(last, f"{self.path}: 1 warning")

    def test_strict(self) -> None:
        """--strict makes it an error."""
        result = self.run_verb("check", "--strict", self.path)
        self.assertEqual(result.exit_code, 1)
        self.assertIn(f"{self.path}:4:35: error: ", result.stdout)
        self.assertTrue(result.stdout.endswith(f"{self.path}: 1 error\n"))

    def test_clean(self) -> None:
        """Nothing found is said in one line."""
        path = str(self.write("clean.conf", "hostname = gw\n"))
        for options in ((), ("--strict",)):
            result = self.run_verb("check", path, *options)
            self.assertEqual(result.exit_code, 0)
            self.assertEqual(result.stdout, f"{path}: no errors, no warnings\n")

    def test_errors(self) -> None:
        """Errors of all files, each with its place; a relative name stays so."""
        self.write("bad.conf", 'retry_intervall = 5\ninclude "more.conf"\n')
        self.write("more.conf", "\nidle_timeout = soon\n")
        name = os.path.relpath(self.folder / "bad.conf")
        result = self.run_verb("check", name)
        self.assertEqual(result.exit_code, 1)
        first, second, last = result.stdout.splitlines()
        self.assertTrue(first.startswith(f"{name}:1:1: error: "), first)
        self.assertIn("did you mean retry_interval?", first)
        more = os.path.relpath(self.folder / "more.conf")
        self.assertTrue(second.startswith(f"{more}:2:"), second)
        self.assertEqual(last, f"{name}: 2 errors")

    def test_json(self) -> None:
        """A list with six names for each finding, and nothing else."""
        result = self.run_verb("check", self.path, "--json")
        self.assertEqual(result.exit_code, 0)
        (finding,) = json.loads(result.stdout)
        self.assertEqual(
            {**finding, "message": ""},
            {
                "severity": "warning",
                "file": self.path,
                "line": 4,
                "column": 35,
                "option": "open_relay",
                "message": "",
            },
        )
        strict = self.run_verb("check", self.path, "--json", "--strict")
        self.assertEqual(strict.exit_code, 1)
        self.assertEqual(json.loads(strict.stdout)[0]["severity"], "error")
        clean = str(self.write("clean.conf", ""))
        self.assertEqual(json.loads(self.run_verb("check", clean, "--json").stdout), [])

    def test_missing_file(self) -> None:
        """A file that is not there is an unusable argument."""
        result = self.run_verb("check", "nowhere.conf")
        self.assertEqual(result.exit_code, 2)
        self.assertIn("'nowhere.conf' does not exist", result.stderr)

    def test_a_pipe_is_no_configuration(self) -> None:
        """Nobody waits for one: not as the main file, in a folder, as a certificate."""
        pipes = self.folder / "pipes"
        pipes.mkdir()
        os.mkfifo(pipes / "x")
        text = f'include "pipes" tls_certificate = "{pipes}/x"\n'
        path = str(self.write("piped.conf", text))
        result = self.run_verb("check", path)
        self.assertEqual(result.exit_code, 1)
        included, named, _ = result.stdout.splitlines()
        self.assertIn(f'{path}:1:9: error: cannot read "{pipes}/x": it is a', included)
        self.assertIn(f"tls_certificate {pipes}/x cannot be read: it is a pipe", named)
        result = self.run_verb("check", str(pipes / "x"))
        self.assertIn("it is a pipe, not a regular file", result.stdout)

    def test_what_others_judge(self) -> None:
        """Ciphers, versions, formats and scripts."""
        path = self.write(
            "judged.conf",
            'tls_ciphers = "NOSUCH"\ntls_protocols = "+FOO"\n'
            'apns_simulator { listen "127.0.0.1:1" {} script = "no.json" }\n'
            'apn {} apn_logger "x" { log_delivery_format = "%zz" }\n',
        )
        result = self.run_verb("check", str(path))
        self.assertEqual(result.exit_code, 1)
        lines = result.stdout.splitlines()
        self.assertTrue(lines.pop().endswith(": 4 errors"))
        for line, text in zip(
            lines, ('"NOSUCH"', '"+FOO"', "no.json cannot be read", "%z"), strict=True
        ):
            self.assertIn(text, line)

    def test_search_path(self) -> None:
        """EC_CONF_SEARCH_PATH says where includes are, for check and explain."""
        other = self.folder / "other"
        other.mkdir()
        (other / "part.conf").write_text("idle_timeout = 77\n", encoding="utf-8")
        path = str(self.write("main.conf", 'include "part.conf"\n'))
        self.assertEqual(self.run_verb("check", path).exit_code, 1)
        found = self.run_verb("check", path, search_path=f"/nowhere:{other}")
        self.assertEqual(found.exit_code, 0, found.stdout)
        answer = self.run_verb("explain", path, "idle_timeout", search_path=str(other))
        self.assertIn(f"set in global at {other}/part.conf:1", answer.stdout)
        lost = self.run_verb("check", path, search_path="/nowhere:/else")
        self.assertIn(
            f"looked for {self.folder}/part.conf, /nowhere/part.conf, /else/part.conf",
            lost.stdout,
        )

    def test_local_changes_of_a_relative_file(self) -> None:
        """They are named relative, too, by check and by explain."""
        self.write("rel.conf", "local_changes_file = local.conf\n")
        name = os.path.relpath(self.folder / "rel.conf")
        local = self.write("local.conf", "idle_timeout = 78\n")
        answer = self.run_verb("explain", name, "idle_timeout")
        self.assertIn(f"global at {os.path.relpath(local)}:1\n", answer.stdout)
        local.write_text("nope = 1\n", encoding="utf-8")
        result = self.run_verb("check", name)
        self.assertTrue(result.stdout.startswith(f"{os.path.relpath(local)}:1:1: "))

    @readable
    @given(st.binary(max_size=200))
    def test_garbage(self, content: bytes) -> None:
        """Whatever a file holds, the answer is lines and 0 or 1."""
        path = self.folder / "garbage.conf"
        path.write_bytes(content)
        result = self.run_verb("check", str(path))
        self.assertIn(result.exit_code, {0, 1})
        lines = result.stdout.splitlines()
        self.assertTrue(all(line.startswith(str(path)) for line in lines), lines)


class ExplainTests(CliCase):
    """mcmtpush explain."""

    def test_text(self) -> None:
        """The value and where it comes from."""
        result = self.run_verb("explain", self.path, "domain", "e.com", "idle_timeout")
        self.assertEqual(result.exit_code, 0)
        self.assertEqual(
            result.stdout,
            f"idle_timeout = 20 seconds\n  set in global at {self.path}:2\n",
        )

    def test_json(self) -> None:
        """--json may stand anywhere behind the verb."""
        words = [self.path, "domain", "e.com", "retry_interval"]
        for place in range(len(words) + 1):
            result = self.run_verb("explain", *words[:place], "--json", *words[place:])
            self.assertEqual(
                json.loads(result.stdout),
                {
                    "option": "retry_interval",
                    "value": 7,
                    "unit": "seconds",
                    "source": {
                        "scope": 'domain "e.com"',
                        "file": self.path,
                        "line": 3,
                    },
                    "shadowed": [],
                },
            )

    def test_file_with_errors(self) -> None:
        """A broken file has no answers: its errors go to standard error."""
        path = str(self.write("bad.conf", "nonsense = 1\nidle_timeout = 3\n"))
        result = self.run_verb("explain", path, "idle_timeout")
        self.assertEqual((result.exit_code, result.stdout), (1, ""))
        self.assertIn(f"{path}:1:1: error: ", result.stderr)

    def test_unusable_questions(self) -> None:
        """An unknown option and a wrong question end with 2."""
        for words, text in (
            (["retry_intervall"], 'did you mean "retry_interval"?'),
            (["domain", "e.com"], "the order is"),
            (["peer", "::1", "idle_time"], "peer needs the listen"),
        ):
            result = self.run_verb("explain", self.path, *words)
            self.assertEqual((result.exit_code, result.stdout), (2, ""))
            self.assertIn(text, result.stderr)

    def test_undeclared_names_are_noted(self) -> None:
        """A listen that is not in the file is noted beside the answer."""
        result = self.run_verb("explain", self.path, "listen", ":99", "idle_time")
        self.assertEqual(result.exit_code, 0)
        self.assertEqual(result.stderr, f'note: listen ":99" is not in {self.path}\n')
        self.assertIn("idle_time = 0 seconds", result.stdout)

    def test_context_that_beats_the_option_is_noted(self) -> None:
        """Standard output has the option asked for, and JSON stays JSON."""
        text = "esmtp_listener { context = [ mcmt_reception = allow ] }"
        path = str(self.write("context.conf", text))
        result = self.run_verb("explain", path, "mcmt_reception", "--json")
        self.assertEqual(json.loads(result.stdout)["value"], "passthru")
        self.assertIn('note: "allow" holds all the same', result.stderr)
