"""mcmtpush migrate: diff, notes, exit codes, names in JSON."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

from twisted.trial.unittest import SkipTest

from tests.config.keys import certificate
from tests.test_cli import CliCase


TEXT = """\
# Two lines around
# the domain.
domain "e.com" {
  delivery_method = "apn"
  routes = ( "apn://gateway.push.apple.com?port=2195" )
  tls_certificate = "app.pem"
}
apn {}
"""
KEY = ("--key-file", "k.p8", "--key-id", "ABCDE12345", "--team-id", "TEAM567890")


class MigrateTests(CliCase):
    """The verb on a file."""

    def setUp(self) -> None:
        super().setUp()
        pem = certificate("app", "com.example.app").decode("ascii")
        self.write("app.pem", pem)
        self.path = str(self.write("old.conf", TEXT))

    def test_diff(self) -> None:
        """The diff goes to standard output, notes do not, the file is left alone."""
        result = self.run_verb("migrate", self.path)
        self.assertEqual(result.exit_code, 0)
        lines = result.stdout.splitlines()
        self.assertEqual(lines[:2], [f"--- {self.path}", f"+++ {self.path}"])
        changed = [line for line in lines[2:] if line[0] in "+-"]
        self.assertEqual(
            changed,
            [
                '-  routes = ( "apn://gateway.push.apple.com?port=2195" )',
                '+  routes = ( "apn2://api.push.apple.com?port=443" )',
                '+  apn_topic = "com.example.app"',
            ],
        )
        self.assertTrue(result.stderr.startswith(f"note: {self.path}:5: "))
        self.assertIn('say tls_verify = "host"', result.stderr)
        self.assertEqual(Path(self.path).read_text(encoding="utf-8"), TEXT)

    def test_patch(self) -> None:
        """The program patch takes the diff, and nothing is left to do."""
        program = shutil.which("patch")
        if program is None:
            raise SkipTest("patch is not installed")
        diff = self.run_verb("migrate", self.path, *KEY).stdout
        subprocess.run(  # noqa: PLW1510 - checked below
            [program, "-p0", self.path],
            input=diff.encode(),
            stdout=subprocess.DEVNULL,
            timeout=30,
        )
        text = Path(self.path).read_text(encoding="utf-8")
        self.assertIn('\n  apn_key_file = "k.p8"\n  apn_key_id = "ABCDE12345"\n', text)
        again = self.run_verb("migrate", self.path)
        self.assertEqual((again.exit_code, again.stdout), (0, ""))
        self.assertIn("nothing leads to Apple's binary gateway", again.stderr)

    def test_json(self) -> None:
        """Diffs by file, notes with their places."""
        result = self.run_verb("migrate", self.path, "--json")
        found = json.loads(result.stdout)
        self.assertEqual(list(found), ["files", "notes"])
        (file,) = found["files"]
        self.assertEqual(file["file"], self.path)
        self.assertIn("+  routes", file["diff"])
        (note,) = found["notes"]
        self.assertEqual(
            (note["file"], note["line"], note["column"]), (self.path, 5, 3)
        )
        self.assertIn("tls_verify", note["message"])

    def test_unusable(self) -> None:
        """Half a key and a missing file end with 2, a file with errors with 1."""
        result = self.run_verb("migrate", self.path, *KEY[:2])
        self.assertEqual((result.exit_code, result.stdout), (2, ""))
        self.assertIn("go together", result.stderr)
        self.assertEqual(self.run_verb("migrate", "/nowhere.conf").exit_code, 2)
        path = str(self.write("bad.conf", "nonsense = 1\n"))
        result = self.run_verb("migrate", path)
        self.assertEqual((result.exit_code, result.stdout), (1, ""))
        self.assertIn(f"{path}:1:1: error: ", result.stderr)
