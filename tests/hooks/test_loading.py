"""Scripts are found, compiled, run, and their faults have a place."""

from __future__ import annotations

from collections.abc import Sequence

from mcmtpush.config.lint import load_configuration
from mcmtpush.config.views import ScriptSettings
from mcmtpush.errors import ConfigErrors
from mcmtpush.hooks.chain import Chain, Provider
from mcmtpush.hooks.loading import check, load
from mcmtpush.hooks.points import REQUEST, remarks
from mcmtpush.hooks.source import candidates
from mcmtpush.judges import JUDGES
from tests.config.samples import MAIN, MemoryFiles
from tests.hooks.stage import a_chain
from tests.support.case import TestCase


FOLDER = "/etc/mcmtpush"


def a_script(source: str = "night", name: str = "n") -> ScriptSettings:
    """Of a stanza in line 3."""
    return ScriptSettings(name, "python", source, (FOLDER,), MAIN, 3, 5)


class LoadingCase(TestCase):
    """A disk with scripts."""

    def setUp(self) -> None:
        self.warned: list[str] = []
        self.files = MemoryFiles({})

    def write(self, text: str, path: str = f"{FOLDER}/night.py") -> None:
        self.files.contents[path] = text.encode()

    def load(self, *scripts: ScriptSettings) -> Chain | None:
        def make(providers: Sequence[Provider]) -> Chain:
            return a_chain(*providers)

        return load(scripts or [a_script()], self.files, self.warned.append, make)

    def assert_fault(self, *texts: str, scripts: Sequence[ScriptSettings] = ()) -> None:
        """What loading says; each at its stanza."""
        errors = self.assertRaises(ConfigErrors, self.load, *scripts)
        self.assertEqual([str(error) for error in errors.errors], list(texts))


class SourceTests(LoadingCase):
    """Where scripts are."""

    def test_candidates(self) -> None:
        """Dots and slashes are the same; a path with its ending is taken as one."""
        for source, paths in (
            ("push.night", [f"{FOLDER}/push/night.py"]),
            ("push/night", [f"{FOLDER}/push/night.py"]),
            (
                "push/night.py",
                [f"{FOLDER}/push/night/py.py", f"{FOLDER}/push/night.py"],
            ),
            ("/srv/night.py", ["/srv/night.py"]),
        ):
            self.assertEqual(candidates(a_script(source)), paths)

    def test_absent(self) -> None:
        """The places are named."""
        self.assert_fault(
            f'{MAIN}:3:5: error: script "n": there is no "night"; looked for '
            f"{FOLDER}/night.py"
        )

    def test_every_fault_at_once(self) -> None:
        """Two scripts, two lines; neither is in force."""
        self.write("x = = 1")
        self.assert_fault(
            f'{MAIN}:3:5: error: script "n": {FOLDER}/night.py:1: invalid syntax',
            f'{MAIN}:3:5: error: script "m": there is no "day"; looked for '
            f"{FOLDER}/day.py",
            scripts=[a_script(), a_script("day", "m")],
        )

    def test_not_utf8(self) -> None:
        """It is said."""
        self.files.contents[f"{FOLDER}/night.py"] = b"\xff"
        self.assert_fault(
            f'{MAIN}:3:5: error: script "n": {FOLDER}/night.py is not UTF-8'
        )


class PythonTests(LoadingCase):
    """Policy in Python."""

    def test_functions_named_after_hooks(self) -> None:
        """They are asked; classes, helpers and what begins with _ are not."""
        self.write(
            "from mcmtpush.hooks.api import Message\n"
            "def helper(): pass\n"
            "def apn_request_eval(req, msg):\n"
            "    req.append(msg)\n"
        )
        chain = self.load()
        assert chain is not None
        seen: list[int] = []
        chain.call(REQUEST, seen, 5)
        self.assertEqual(seen, [5])
        self.assertEqual(self.warned, [])

    def test_no_scripts(self) -> None:
        """No chain at all, so that nothing is asked."""
        self.assertIsNone(load([], self.files, self.warned.append, lambda _: a_chain()))

    def test_line_of_a_failure(self) -> None:
        """The script's own, not that of a library it calls."""
        self.write(
            "import json\n\n"
            "def apn_request_eval(req, msg):\n    return json.loads('{')\n"
        )
        chain = self.load()
        assert chain is not None
        with self.assertRaisesRegex(Exception, 'line 4 of script "n": json.decoder'):
            chain.call(REQUEST, None, None)

    def test_body_that_fails(self) -> None:
        """A fault of the configuration, with its line."""
        self.write("\n\nx = 1 / 0\n")
        self.assert_fault(
            f'{MAIN}:3:5: error: script "n": {FOLDER}/night.py:3: '
            "ZeroDivisionError: division by zero"
        )

    def test_body_that_leaves(self) -> None:
        """`sys.exit()` does not end the program."""
        self.write("import sys\nsys.exit()\n")
        self.assert_fault(
            f'{MAIN}:3:5: error: script "n": {FOLDER}/night.py:2: SystemExit'
        )

    def test_init_that_fails(self) -> None:
        """The configuration is not taken."""
        self.write("def init(): pass\n")
        self.assert_fault(
            f'{MAIN}:3:5: error: script "n": init failed in script "n": '
            "it did not return true"
        )

    def test_warnings(self) -> None:
        """What Momentum would call, and a script that is never called."""
        self.write("def validate_data(msg, accept, vctx): pass\n")
        self.load()
        self.assertEqual(
            self.warned,
            [
                'script "n": validate_data is not called by this version',
                remarks("n", "n", [])[0],
            ],
        )

    def test_dataclasses(self) -> None:
        """Libraries that look a class's module up find it."""
        self.write(
            "from __future__ import annotations\n"
            "from dataclasses import dataclass\n"
            "@dataclass\nclass A:\n    b: int = 1\n"
            "def init(): return A().b == 1\n"
        )
        self.load()


class CheckTests(LoadingCase):
    """`mcmtpush check`."""

    def test_nothing_is_run(self) -> None:
        """The syntax is looked at, and nothing else."""
        self.write("raise SystemExit\n")
        self.assertEqual(check(a_script(), self.files), [])
        self.write("def f(:\n")
        (problem,) = check(a_script(), self.files)
        self.assertIn(f'script "n": {FOLDER}/night.py:1: ', problem)
        self.write("x = '\0'\n")
        self.assertEqual(len(check(a_script(), self.files)), 1)

    def test_configuration(self) -> None:
        """Scripts are looked for beside their stanza, then beside the main file."""
        self.write("x = 1", f"{FOLDER}/day.py")
        self.write("x = = 1", f"{FOLDER}/conf.d/night.py")
        self.write(
            'python { script "n" { source = "night" } script "d" { source = "day" }\n'
            'script "e" { source = "evening" } }\n',
            f"{FOLDER}/conf.d/policy.conf",
        )
        self.write('hostname = "h"\ninclude "conf.d/policy.conf"\n', MAIN)
        loaded, findings = load_configuration(MAIN, self.files, 0.0, judges=JUDGES)
        self.assertIsNone(loaded)
        place, night = (
            f"{FOLDER}/conf.d/{name}" for name in ("policy.conf", "night.py")
        )
        self.assertEqual(
            [str(finding).partition("; looked")[0] for finding in findings],
            [
                f'{place}:1:10: error: script "n": {night}:1: invalid syntax',
                f'{place}:2:1: error: script "e": there is no "evening"',
            ],
        )

    def test_stanzas(self) -> None:
        """Names and sources; what is switched off is not looked for."""
        for text, expected in (
            ('python { script "n" { } }', 'script "n" needs a source'),
            ('scriptlet "a" { } scriptlet "b" { }', 'one and the same name: "a"'),
            ('python { enabled = false script "n" { source = "no" } }', ""),
            ("alerting { } python { }", ""),
        ):
            self.write(f'hostname = "h" {text}', MAIN)
            _, findings = load_configuration(MAIN, self.files, 0.0, judges=JUDGES)
            self.assertEqual(len(findings), bool(expected), findings)
            self.assertIn(expected, "".join(map(str, findings)))

    def test_order(self) -> None:
        """Scripts are asked in the order of their stanzas."""
        self.write(
            'hostname = "h" python { script "b" { source = "night" } '
            'script "a" { source = "night" } }',
            MAIN,
        )
        self.write("x = 1")
        loaded, _ = load_configuration(MAIN, self.files, 0.0, judges=JUDGES)
        assert loaded is not None
        self.assertEqual([each.name for each in loaded.process().scripts], ["b", "a"])
