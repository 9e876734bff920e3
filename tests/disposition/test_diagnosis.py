"""Why a message failed, as a notice says it to programs and to people."""

from __future__ import annotations

from attrs import evolve

from tests.disposition.letter import FAILURE, TOO_OLD, notice, parts, recipient_fields
from tests.support.case import TestCase


class ReasonTests(TestCase):
    """Status and Diagnostic-Code for every kind of failure."""

    def check(self, status: int | None, detail: str, code: str, diagnostic: str) -> str:
        content = notice(evolve(FAILURE, status=status, detail=detail))
        fields = recipient_fields(content)
        self.assertEqual(fields["Status"], code)
        self.assertEqual(fields["Diagnostic-Code"], diagnostic)
        text = parts(content)[0].get_payload()
        assert isinstance(text, str)
        self.assertIn(f"Reason:       {diagnostic.partition('; ')[2]}\r\n", text)
        return text

    def test_apple(self) -> None:
        """Statuses by number and text; what they mean in RFC 3463's codes."""
        for status, text, code in (
            (2, "Missing Device Token", "5.1.1"),
            (3, "Missing Topic", "5.0.0"),
            (4, "Missing Payload", "5.6.0"),
            (5, "Invalid Token Size", "5.1.1"),
            (6, "Invalid Topic Size", "5.0.0"),
            (7, "Invalid Payload Size", "5.3.4"),
            (8, "Invalid Token", "5.1.1"),
            (128, "Protocol Error", "5.0.0"),
            (255, "None (unknown)", "5.0.0"),
        ):
            self.check(status, text, code, f"x-apns; {status} {text}")
        self.check(8, "", "5.1.1", "x-apns; 8 Invalid Token")

    def test_gave_up(self) -> None:
        """Our reason decides the code; the last answer is told as well."""
        text = self.check(
            1, TOO_OLD, "5.4.7", f"x-apns; 1 Processing Error ({TOO_OLD})"
        )
        self.assertIn("Send it again if it is still of interest.", text)
        self.check(
            *(450, TOO_OLD, "5.4.7", f"smtp; {TOO_OLD}"),
        )

    def test_never_attempted(self) -> None:
        """Without any answer our own text is all there is."""
        late = "554 5.4.5 [internal] Delivery not attempted (message expired)"
        self.check(None, late, "5.4.5", f"smtp; {late}")
        self.check(None, "purged", "5.0.0", "x-mcmtpush; purged")
        self.check(None, "", "5.0.0", "x-mcmtpush; no reason given")

    def test_mail(self) -> None:
        """A mail server's answer, with its code once; the class is always 5."""
        for status, text, code, diagnostic in (
            (550, "5.1.1 no such user", "5.1.1", "smtp; 550 5.1.1 no such user"),
            (550, "550 5.1.1 nobody", "5.1.1", "smtp; 550 5.1.1 nobody"),
            (550, "550-5.7.1 no", "5.7.1", "smtp; 550-5.7.1 no"),
            (450, "4.2.2 mailbox full", "5.2.2", "smtp; 450 4.2.2 mailbox full"),
            (599, "go away", "5.0.0", "smtp; 599 go away"),
            (550, "", "5.0.0", "smtp; 550"),
            (550, "5.1.1.1 odd", "5.0.0", "smtp; 550 5.1.1.1 odd"),
            (550, "5.1.1000 odd", "5.0.0", "smtp; 550 5.1.1000 odd"),
            (550, "5.01.1 odd", "5.0.0", "smtp; 550 5.01.1 odd"),
            (550, "5.1.\u0661 odd", "5.0.0", "smtp; 550 5.1.? odd"),
        ):
            self.check(status, text, code, diagnostic)
        text = self.check(550, "5.1.1 x", "5.1.1", "smtp; 550 5.1.1 x")
        self.assertIn("does not know the address", text)

    def test_long_answer(self) -> None:
        """An endless answer is cut: no line is longer than mail allows."""
        content = notice(evolve(FAILURE, status=550, detail="x" * 100_000))
        self.assertLess(max(map(len, content.split(b"\r\n"))), 999)
