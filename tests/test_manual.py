"""The manual tells the truth: generated pages, tested examples, links that lead on.

An example of `configuration.md` is a `conf` block, with further files in the blocks
that begin with `# name`; what `check` says about it in a `text` block; and what
`explain` answers in a table.
"""

from __future__ import annotations

import re
import runpy
from collections.abc import Iterator
from pathlib import Path

import click
from attrs import define, field

from mcmtpush import cli
from mcmtpush.config.explain import Explanation, explain, parse_query
from mcmtpush.config.merge import read_configuration
from mcmtpush.config.options import OPTIONS, SCOPES
from mcmtpush.config.tree import Scope, Setting
from tests.config.samples import MemoryFiles
from tests.support.case import TestCase


ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
MANUAL = DOCS / "reference" / "configuration.md"
FOLDER = "/etc/mcmtpush/"
MAIN = FOLDER + "gw.conf"
TABLE = "| Asked | Answered | From |"


@define
class Example:
    """One configuration of the manual and what is said beside it."""

    section: str
    line: int
    files: dict[str, str] = field(factory=dict)
    findings: list[str] = field(factory=list)
    answers: list[list[str]] = field(factory=list)

    def read(self) -> tuple[Scope, list[str]]:
        """The tree, and the findings as `check` prints them in the file's folder."""
        files = {FOLDER + name: text.encode() for name, text in self.files.items()}
        root, findings = read_configuration(MAIN, MemoryFiles(files))
        return root, [str(finding).replace(FOLDER, "") for finding in findings]

    def __str__(self) -> str:
        return f"{MANUAL}:{self.line}"


@define
class Block:
    """One fenced block, or one table of answers (its language is `table`)."""

    language: str
    section: str
    line: int
    lines: list[str] = field(factory=list)


def blocks(text: str) -> Iterator[Block]:
    """The fenced blocks and the tables of answers, in order."""
    section, block = "", None
    for number, line in enumerate(text.splitlines(), 1):
        if block is None and line.startswith("#"):
            section = line.lstrip("# ")
        elif block is None and (line.startswith("```") or line == TABLE):
            language = "table" if line == TABLE else line[3:]
            block = Block(language, section, number)
        elif block and line == ("" if block.language == "table" else "```"):
            yield block
            block = None
        elif block:
            block.lines.append(line)
    assert block is None, f"line {block.line} opens a block that nothing closes"


def examples(text: str) -> list[Example]:
    """All configurations of a page, each with what belongs to it."""
    found: list[Example] = []
    for block in blocks(text):
        if block.language == "conf":
            name = re.fullmatch(r"# (\S+)", block.lines[0])
            path = name[1] if name else "gw.conf"
            if path == "gw.conf":
                found.append(Example(block.section, block.line))
            found[-1].files[path] = "\n".join([*block.lines, ""])
        elif block.language == "text":
            found[-1].findings += block.lines
        elif block.language == "table":
            found[-1].answers += [_cells(row) for row in block.lines[1:]]
    return found


def _cells(row: str) -> list[str]:
    return [cell.strip(" `") for cell in row.strip("|").split("|")]


def answer(explanation: Explanation) -> list[str]:
    """The second and third cell of a row."""
    scope = explanation.resolved.scope
    value = explanation.text().splitlines()[0].partition(" = ")[2]
    return [value, "built-in" if scope is None else scope.path()]


class LanguageTests(TestCase):
    """docs/reference/configuration.md."""

    def setUp(self) -> None:
        self.text = MANUAL.read_text(encoding="utf-8")
        self.examples = examples(self.text)

    def test_every_example_reads_as_said(self) -> None:
        """Nothing is found in an example but what stands below it, word for word."""
        self.assertGreater(len(self.examples), 12)
        for example in self.examples:
            _, findings = example.read()
            self.assertEqual(findings, example.findings, str(example))

    def test_only_the_section_about_errors_has_errors(self) -> None:
        """Whoever copies an example from anywhere else gets one that works."""
        for example in self.examples:
            if example.section != "Errors and warnings":
                wrong = [text for text in example.findings if ": error: " in text]
                self.assertEqual(wrong, [], str(example))

    def test_every_answer_holds(self) -> None:
        """Each question is answered as its row says, with value, unit and scope."""
        asked = 0
        for example in self.examples:
            root, _ = example.read()
            for question, *expected in example.answers:
                found = explain(root, parse_query(question.split()))
                self.assertEqual(answer(found), expected, f"{example}: {question}")
                asked += 1
        self.assertGreater(asked, 50)

    def test_what_is_shared_is_one_thing(self) -> None:
        """Two answers from one scope are one setting: one bucket for a throttle."""
        (example,) = (e for e in self.examples if e.section == "Throttles are shared")
        root, _ = example.read()
        buckets: dict[str, Setting | None] = {}
        for question, _, scope in example.answers:
            setting = explain(root, parse_query(question.split())).resolved.setting
            self.assertIs(buckets.setdefault(scope, setting), setting, question)
        self.assertEqual(len(set(map(id, buckets.values()))), 3)
        self.assertEqual(len(example.answers), 5)

    def test_every_type_is_explained(self) -> None:
        """The table of types has each type of the option table, and no other."""
        section = self.text.partition("\n## Values\n")[2].partition("\n```")[0]
        self.assertEqual(
            sorted(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)),
            sorted({option.type for option in OPTIONS.values()}),
        )

    def test_every_scope_in_use_is_explained(self) -> None:
        """The table of scopes has each kind that this version acts on."""
        section = self.text.partition("\n## Scopes\n")[2].partition("\n```")[0]
        rows = [row for row in section.splitlines() if row.startswith("| `")]
        named = {name for row in rows for name in re.findall(r"\w+", _cells(row)[0])}
        used = {kind.name for kind in SCOPES.values() if kind.implemented}
        self.assertEqual(named, used - {"global"})


class OptionsTests(TestCase):
    """docs/reference/options.md, and the program that writes it."""

    def setUp(self) -> None:
        self.generator = runpy.run_path(str(DOCS / "generate.py"))
        self.page: str = self.generator["options_page"]()

    def test_up_to_date(self) -> None:
        """The page is what the option table makes."""
        written = (DOCS / "reference" / "options.md").read_text(encoding="utf-8")
        if written != self.page:
            self.fail("docs/reference/options.md is old: run python docs/generate.py")

    def test_complete(self) -> None:
        """Every option and every scope has its row, once."""
        names = re.findall(r"^\| `([\w.]+)` \|", self.page, re.MULTILINE)
        checked = [kind.name for kind in SCOPES.values() if kind.checked]
        self.assertEqual(sorted(names), sorted([*OPTIONS, *checked]))
        for kind in SCOPES.values():
            self.assertIn(f"`{kind.name}`", self.page)

    def test_rows(self) -> None:
        """Rows as they ought to look: units, words, defaults, inert ones."""
        rows = self.page.splitlines()
        for start in (
            "| `idle_timeout` | size | seconds | `5` | sending | yes | yes | How long",
            "| `max_retries` | size or `auto` `none` | | `auto` | sending | yes | yes",
            "| `routes` | routes | | | domain, global | yes | yes | Gateways in order",
            "| `spool_mode` | perms | | `0640` | global | no | yes | Mode of new",
            "| `memory_goal` | size | percent | `90` | global | yes | yes | Memory",
            "| `growbuf_size` | size | bytes | `16384` | global | yes | inert | Step",
            "| `tls_verify` | choice `no` `ca` `host` | | `no` | sending | yes | yes |",
            "| `apn_logger.concurrency` | size | | `1` | apn_logger | yes | inert |",
            "| `listen` | named | listeners, apns_simulator | yes | One socket, such",
            "| `apn` | anonymous | global | yes | Delivery to Apple. |",
        ):
            found = [row for row in rows if row.startswith(start)]
            self.assertEqual(len(found), 1, start)


class CommandTests(TestCase):
    """What the manual tells people to type."""

    def commands(self) -> list[tuple[str, list[str]]]:
        """Every `mcmtpush …` in a fenced block, with the page it is on."""
        found = []
        for page in [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]:
            for block in _CODE.findall(page.read_text(encoding="utf-8")):
                text = block.replace("\\\n", " ")
                for words in re.findall(
                    r"^(?:\$ )?(?:\S*/)?mcmtpush (.*)", text, re.MULTILINE
                ):
                    found.append((f"{page.name}: {words}", words.split()))
        return found

    def test_they_exist(self) -> None:
        """Each names a verb that there is, and options that it has."""
        commands = self.commands()
        self.assertGreater(len(commands), 25)
        for place, words in commands:
            verb: click.Command = cli.main
            while isinstance(verb, click.Group) and words[0] in verb.commands:
                verb = verb.commands[words.pop(0)]
            self.assertFalse(isinstance(verb, click.Group), place)
            known = {option for one in verb.params for option in one.opts} | {"--help"}
            used = re.findall(r"(?<![\w-])--[a-z][a-z-]*", " ".join(words))
            self.assertEqual(set(used) - known, set(), place)

    def test_leaving_the_binary_gateway(self) -> None:
        """The way out shows each of its commands."""
        shown = [
            words[0]
            for place, words in self.commands()
            if place.startswith("leaving-the-binary-gateway.md")
        ]
        self.assertEqual(set(shown), {"migrate", "check", "keys", "send"})


class LinkTests(TestCase):
    """README.md and everything below docs."""

    def test_every_link_leads_somewhere(self) -> None:
        """Relative links name a file that exists and a heading that it has."""
        pages = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
        broken = [f"{p.relative_to(ROOT)}: {t}" for p in pages for t in _broken(p)]
        self.assertEqual(broken, [])

    def test_broken_ones_are_found(self) -> None:
        """A missing file and a missing heading are seen, what is elsewhere is not."""
        folder = Path(self.mktemp())
        folder.mkdir()
        page = folder / "page.md"
        page.write_text(
            "# It is `here`: a_b\n[a](#it-is-here-a_b) [b](page.md#It) [c](no.md)\n"
            "[d](https://example.net/x) [e](mailto:a@b.c) [f](page.md)\n",
            encoding="utf-8",
        )
        self.assertEqual(list(_broken(page)), ["page.md#It", "no.md"])


_LINK = re.compile(r"\]\(([^()\s]+)\)|^\[[^\]]+\]: (\S+)", re.MULTILINE)
_CODE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def _broken(page: Path) -> Iterator[str]:
    text = _CODE.sub("", page.read_text(encoding="utf-8"))
    for found in _LINK.finditer(text):
        target = found[1] or found[2]
        if re.match(r"[a-z][a-z+.-]*:", target):
            continue
        path, _, fragment = target.partition("#")
        file = page.parent / path if path else page
        if not file.exists() or (fragment and fragment not in _anchors(file)):
            yield target


def _anchors(page: Path) -> set[str]:
    """The headings as the web pages of repositories make anchors of them."""
    text = _CODE.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings}
