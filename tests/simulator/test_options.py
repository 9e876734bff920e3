"""The command line of `twistd apns-simulator`."""

from __future__ import annotations

from mcmtpush.simulator.argument import Address
from mcmtpush.simulator.options import Options
from tests.simulator.program import complaint, parse
from tests.support.case import TestCase


class OptionsTests(TestCase):
    def test_defaults(self) -> None:
        """Without arguments it listens where Apple's clients look on this machine."""
        options = parse()
        self.assertEqual(options["listen"], Address("127.0.0.1", 2195))
        self.assertEqual(options["old-tls"], 0)
        others = {*options} - {"listen", "old-tls"}
        self.assertEqual({options[name] for name in others}, {None})

    def test_http2_alone(self) -> None:
        """Who asks for HTTP/2 gets the binary half only by asking for it, too."""
        self.assertIsNone(parse("--http2", ":1")["listen"])
        both = parse("--http2", ":1", "--listen", ":2")
        self.assertEqual(
            (both["http2"], both["listen"]), (Address("", 1), Address("", 2))
        )

    def test_values(self) -> None:
        """Addresses and numbers arrive as such."""
        options = parse("--listen", ":1", "--feedback", "[::1]:2", "--seed", "7")
        self.assertEqual(options["listen"], Address("", 1))
        self.assertEqual(options["feedback"], Address("::1", 2))
        self.assertEqual(options["seed"], 7)

    def test_faults_are_one_line(self) -> None:
        """Whatever is wrong with the arguments is one line."""
        for arguments, text in (
            (["--listen", "x"], "--listen: 'x' is no address, give HOST:PORT or :PORT"),
            (["--feedback", "1"], "--feedback: '1' is no address"),
            (["--seed", "x"], "--seed: 'x' is not a whole number"),
            (["--key", "k.pem"], "--key needs --certificate"),
            (["--http2", "x"], "--http2: 'x' is no address"),
            (["--key-file", "k"], "'k' is no key, give FILE:KEYID:TEAMID"),
            (["-c", "a", "-C", "b"], "not both"),
            (["--frob"], "option --frob not recognized"),
            (["extra"], "Wrong number of arguments"),
        ):
            said = complaint(parse, *arguments)
            self.assertTrue(said.startswith("apns-simulator: "), said)
            self.assertIn(text, said)
            self.assertNotIn("\n", said)

    def test_every_option_has_its_help(self) -> None:
        """Help is given for every option."""
        usage = Options().getUsage()
        for name, *_, text in Options.optParameters + Options.optFlags:
            self.assertIn(f"--{name}", usage)
            self.assertTrue(text.endswith("."))
