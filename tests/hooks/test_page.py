"""docs/reference/hooks.md says what the tables say, and the samples run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from attrs import evolve

from mcmtpush.config.options import OPTIONS
from mcmtpush.config.views import ScriptSettings
from mcmtpush.files import DiskFiles
from mcmtpush.hooks import api
from mcmtpush.hooks.chain import Chain
from mcmtpush.hooks.loading import check, load
from mcmtpush.hooks.points import DISPOSE, POINTS, REQUEST, RESPONSE
from tests.hooks.stage import a_chain
from tests.hooks.test_request import MESSAGE, a_request
from tests.support.case import TestCase


ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reference" / "hooks.md"


def names(view: type) -> set[str]:
    """What code can reach on a view, by its class and its slots."""
    own = {name for name in dir(view) if not name.startswith("_")}
    return own - {"json_read", "changed", "variables"}


class PageTests(TestCase):
    """The reference."""

    def setUp(self) -> None:
        self.text = PAGE.read_text(encoding="utf-8")

    def test_the_table(self) -> None:
        """Every row of it, word for word, and no other hook."""
        for point in POINTS.values():
            arguments = ", ".join(f"`{name}`" for name in point.arguments)
            cell = f" {arguments} " if arguments else " "
            self.assertIn(f"| `{point.name}` |{cell}| {point.returns} |", self.text)
            self.assertIn(
                f"| `{point.name}` | {point.called} | {point.default} |", self.text
            )
        section = self.text.partition("## The table")[2].partition("\n## ")[0]
        rows = re.findall(r"^\| `(\w+)`", section, re.MULTILINE)
        self.assertEqual(rows, [*POINTS, *POINTS])

    def test_views(self) -> None:
        """Every field and method of the views is named, and none that is not there."""
        for title, view in (
            ("req", api.Request),
            ("resp", api.Response),
            ("msg", api.Message),
        ):
            section = self.text.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
            rows = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
            found = set(re.findall(r"`(?:\w+\.)?(\w+)[`(]", " ".join(rows)))
            self.assertEqual(found, names(view), title)

    def test_lua(self) -> None:
        """What is offered and taken away is what the page says."""
        section = self.text.partition("\n## Lua\n")[2].partition("\n## ")[0]
        own = (ROOT / "mcmtpush" / "hooks").glob("*.lua")
        offered = "".join(path.read_text() for path in own)
        for name in (
            "io",
            "debug",
            "package",
            "load",
            "loadstring",
            "dofile",
            "getfenv",
        ):
            self.assertIn(f"_G.{name}", offered)
            self.assertIn(f"`{name}`", section)
        for name in re.findall(r'\["(msys\.[a-z.]+)"\] =', offered):
            self.assertIn(f"`{name}`", self.text)
        for name in re.findall(r"^  (\w+) = lent", offered, re.MULTILINE):
            self.assertIn(f"`json.{name}", section)
        for option in ("memory_limit", "instruction_limit"):
            self.assertIn(f"| `{option}` |", section)
        self.assertIn(str(OPTIONS["instruction_limit"].default), section)
        self.assertEqual(OPTIONS["memory_limit"].default, 64 * 1024 * 1024)

    def test_constants(self) -> None:
        """With their values."""
        for name in api.__all__:
            value = getattr(api, name)
            if name.startswith(("APNS_", "DELIVERY_")):
                self.assertIn(f"`{name}` {value}", self.text)
            elif name.startswith("ECMESS_"):
                self.assertIn(f"`{name}`", self.text)


class GuideTests(TestCase):
    """docs/howto/policy.md: its first scripts, with the variable as configured."""

    GUIDE = (ROOT / "docs" / "howto" / "policy.md").read_text("utf-8")

    def test_first_scripts(self) -> None:
        """What connections bring along changes the push."""
        given = re.search(r"context = \[ (\w+) = \"(\w+)\" \]", self.GUIDE)
        assert given is not None
        accepted = evolve(MESSAGE, connection_context={given[1]: given[2]})
        blocks = re.findall(r"^```\n(.*?)^```", self.GUIDE, re.MULTILINE | re.DOTALL)
        first = [block for block in blocks if "apn_request_eval" in block]
        for language, code in zip(("python", "lua"), first, strict=True):
            request = a_request(b'{"aps":{"alert":"hi"}}')
            self.load(language, code).call(REQUEST, request, api.Message(accepted, 0))
            self.assertEqual(request.json["aps"]["alert"], "hi (advertisement)")
            self.assertEqual(dict(request.headers), {"apns-collapse-id": given[2]})

    def load(self, language: Literal["python", "lua"], code: str) -> Chain:
        """The chain of one script."""
        folder = Path(self.mktemp())
        (folder / "policy").mkdir(parents=True)
        ending = {"python": "py", "lua": "lua"}[language]
        (folder / "policy" / f"quiet.{ending}").write_text(code, "utf-8")
        script = ScriptSettings("quiet", language, "policy.quiet", (str(folder),))
        chain = load([script], DiskFiles(), self.fail, lambda parts: a_chain(*parts))
        assert chain is not None
        return chain


class SampleTests(TestCase):
    """conf/policy."""

    def test_samples(self) -> None:
        """Both compile, begin, and do what their comments say."""
        self.try_out("python")
        self.try_out("lua")

    def try_out(self, language: Literal["python", "lua"]) -> None:
        folders = (str(ROOT / "conf"),)
        script = ScriptSettings("quiet", language, "policy.quiet", folders)
        warned: list[str] = []
        self.assertEqual(check(script, DiskFiles()), [])
        chain = load([script], DiskFiles(), warned.append, lambda p: a_chain(*p))
        assert chain is not None
        self.assertEqual(warned, [])
        request = a_request(b'{"aps":{"alert":"%s"}}' % (b"x" * 200))
        accepted = evolve(MESSAGE, connection_context={"campaign": "spring"})
        chain.call(REQUEST, request, api.Message(accepted, 0))
        self.assertEqual(
            dict(request.headers),
            {"apns-priority": "5", "apns-collapse-id": "spring"},
        )
        self.assertEqual(len(request.json["aps"]["alert"]), 120)
        response = api.Response(8, "id", 400, "DeviceTokenNotForTopic")
        chain.call(RESPONSE, response)
        self.assertEqual(response.status, 1)
        for status, fallback in (("8", "mail"), ("1", ""), ("", "")):
            message = api.Message(MESSAGE, 0, {"DLV_Response_Status": status})
            chain.call(DISPOSE, message)
            said = message.context_get(api.ECMESS_CTX_MESS, "fallback")
            self.assertEqual(said, fallback)
