"""The container: golden messages, its limits, and one mind with `email`."""

from __future__ import annotations

import base64
from email import message_from_bytes

from hypothesis import assume, given
from hypothesis import strategies as st

from mcmtpush.errors import MessageRejected
from mcmtpush.mcmt.container import (
    Container,
    Limits,
    cut,
    is_container,
    open_container,
)
from mcmtpush.mcmt.header import field_values
from mcmtpush.values import PushPart
from tests.mcmt.message import (
    MAIL,
    MANUAL,
    PUSH,
    TOP,
    answer_to,
    message,
    sample,
    seen_fields,
    their_fields,
)
from tests.support.case import TestCase, readable


SAMPLES = ("telnet.eml", "push-only.eml", "all-channels.eml")
TELNET = Container(
    mail=(
        b"From: news@example.com\r\nTo: 4711@apn_example.com\r\n"
        b"Subject: You have mail\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n"
        b"\r\nThere are nine letters in your box.\r\n"
    ),
    push=PushPart(
        token="0f6e5d4c3b2a1908" * 4,
        payload=(
            b'{"aps":{"alert":"You have mail","badge":9,"sound":"chime.aiff"},'
            b'"acme1":"letter","acme2":["a,]",42]}'
        ),
        return_path="bounces@example.com",
    ),
)
MULTI = b"multipart/vnd.msys.mcmt"


class IsContainerTests(TestCase):
    def test_samples_are_containers(self) -> None:
        """With either kind of line end."""
        for name in SAMPLES:
            self.assertTrue(is_container(sample(name)))
            self.assertTrue(is_container(sample(name).replace(b"\r", b"")))

    def test_the_type_may_be_dressed_oddly(self) -> None:
        """Case, folding, comments, blanks, other fields before it."""
        for field in (
            b"CONTENT-TYPE:MULTIPART/VND.MSYS.MCMT",
            b"Content-Type:\r\n\tmultipart/vnd.msys.mcmt\r\n ;boundary=b",
            b"Content-Type: (a (b)) multipart / vnd.msys.mcmt (c); boundary=b",
            b"A: b\r\n c: d\r\ncontent-type: multipart/vnd.msys.mcmt ;",
            b"From me Tue\r\nContent-Type: multipart/vnd.msys.mcmt",
        ):
            self.assertTrue(is_container(field + b"\r\n\r\nbody"), field)

    def test_ordinary_mail_is_none(self) -> None:
        """Even when it speaks of the type: only the top header's field counts."""
        field = b"Content-Type: multipart/vnd.msys.mcmt\r\n"
        for content in (
            b"",
            b"\r\n" + field,
            b"Subject: x\r\n\r\n" + field,
            b"Subject: x\r\n " + field + b"\r\n",
            b"X-Content-Type: multipart/vnd.msys.mcmt\r\n\r\n",
            b"Content-Type: text/plain\r\n" + field + b"\r\n",
            b"Content-Type: text/plain; x=multipart/vnd.msys.mcmt\r\n\r\n",
            b"Content-Type: multipart/mixed (vnd.msys.mcmt)\r\n\r\n",
            b"Content-Type: multipart/vnd.msys.mcmt2\r\n\r\n",
            b"no field\r\n" + field + b"\r\n",
        ):
            self.assertFalse(is_container(content), content)

    def test_a_long_header_hides_nothing(self) -> None:
        """A container with too much header is one, and is refused when opened."""
        far = b"X: 1\r\n" * 11000 + TOP + b"\r\n"
        self.assertTrue(is_container(far))
        self.assertTrue(is_container(far.replace(b"\r", b"")))
        with self.assertRaises(MessageRejected) as caught:
            open_container(far)
        self.assertEqual(
            (caught.exception.code, caught.exception.enhanced), (550, "5.6.0")
        )

    @readable
    @given(
        st.lists(
            st.sampled_from(
                [b"Content-Type: ", b"content-type:", MULTI, b"text/plain", b"\r\n"]
            )
            | st.sampled_from(
                [b"A: 1\r\n", b" ", b";", b"\n", b":", b"From x\r\n", b"\r\n\r\n"]
            ),
            max_size=10,
        ).map(b"".join)
    )
    def test_agrees_with_the_standard_library(self, header: bytes) -> None:
        """For every header without a fault, ended or not by an empty line."""
        content = header + b"\r\n"
        theirs = message_from_bytes(content)
        faults = {type(fault).__name__ for fault in theirs.defects}
        assume(not faults - {"NoBoundaryInMultipartDefect"})
        self.assertEqual(
            is_container(content), theirs.get_content_type().encode() == MULTI
        )


class OpenTests(TestCase):
    def test_the_message_of_the_manual(self) -> None:
        """The example is what the page says it is."""
        example = MANUAL.read_text("utf-8").split("```")[1].removeprefix("text\n")
        content = example.replace("\n", "\r\n").encode("ascii")
        container = open_container(content)
        self.assertEqual(
            container.mail[-37:], b"There are nine letters in your box.\r\n"
        )
        self.assertEqual(
            container.push,
            PushPart(
                "0f6e5d4c3b2a1908" * 4,
                b'{"aps":{"alert":"You have mail","badge":9,"sound":"chime.aiff"},'
                b'"acme":{"letter":17}}',
                "bounces@example.com",
            ),
        )

    def test_a_message_as_one_types_it(self) -> None:
        """Stray commas, a folded type and text around the parts."""
        self.assertEqual(open_container(sample("telnet.eml")), TELNET)

    def test_line_feeds_alone_will_do(self) -> None:
        """The mail keeps the line ends it came with."""
        container = open_container(sample("telnet.eml").replace(b"\r\n", b"\n"))
        self.assertEqual(container.push, TELNET.push)
        self.assertEqual(container.mail, TELNET.mail.replace(b"\r\n", b"\n"))

    def test_push_only(self) -> None:
        """No mail part is for the caller to judge."""
        self.assertEqual(
            open_container(sample("push-only.eml")),
            Container(
                mail=None,
                push=PushPart(
                    "AB CD EF", b'{"aps":{"alert":"no inner header","badge":7}}', ""
                ),
            ),
        )

    def test_other_channels_are_dropped(self) -> None:
        """Also what they hold, though it look like ours."""
        self.assertEqual(
            open_container(sample("all-channels.eml")),
            Container(
                mail=b"Subject: old name\r\n\r\nBody",
                push=PushPart("c0ffee", '{"aps":{"alert":"Grüße"}}'.encode()),
            ),
        )

    def test_neither_of_ours(self) -> None:
        """Is for the caller to judge, too."""
        for part in (
            b"\r\ntext",
            b"Content-Type: x/y\r\n\r\n",
            b"Content-Type:\r\n\r\n",
        ):
            self.assertEqual(open_container(message(part)), Container(None, None))

    def test_an_empty_mail_is_a_mail(self) -> None:
        """The last line end belongs to the boundary line."""
        for body in (b"", b"\r\n"):
            part = b"Content-Type: message/rfc822\r\n" + body
            self.assertEqual(open_container(message(part)), Container(b"", None))

    def test_the_mail_may_be_encoded(self) -> None:
        """Its line ends are then made CR LF."""
        head = b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: "
        mail = b"Subject: x\n\nb=\xc3\xa9\r\n"
        for name, coded in (
            (b"base64", base64.encodebytes(mail)),
            (b"quoted-printable", b"Subject: x\n\nb=3D=C3=A9\r\n"),
        ):
            container = open_container(message(head + name + b"\r\n\r\n" + coded))
            self.assertEqual(container.mail.rstrip(), b"Subject: x\r\n\r\nb=\xc3\xa9")
        plain = open_container(message(head + b"8bit\r\n\r\n" + mail))
        self.assertEqual(plain.mail, mail)

    def test_boundary_lines(self) -> None:
        """Blanks may follow; anything else makes them text; the last needs no end."""
        body = b"--bb\r\n--b-\r\n --b\r\nx--b\r\n--b-- x\r\n--b---"
        part = b"Content-Type: message/rfc822\r\n\r\n" + body
        content = message(part).replace(b"--b--\r\n", b"--b-- \t")
        self.assertEqual(open_container(content).mail, body)

    def test_text_around_the_parts_means_nothing(self) -> None:
        """Before the first boundary line and after the closing one."""
        content = message(MAIL).replace(b"\r\n\r\n--b", b"\r\n\r\nhello\r\n--b", 1)
        expected = Container(b"Subject: x\r\n\r\nbody", None)
        self.assertEqual(open_container(content), expected)
        for epilogue in (b"\r\n", b"--b\r\n", b"\xff" * 10, b"x", b"--b\r\n" + PUSH):
            self.assertEqual(open_container(content + epilogue), expected)


class RefusalTests(TestCase):
    def assert_refused(self, content: bytes, text: str, **limits: int) -> None:
        """`content` gets the answer 550 with this enhanced code and text."""
        answer = answer_to(lambda: open_container(content, Limits(**limits)))
        self.assertEqual(answer, f"550 {text}")

    def test_no_container(self) -> None:
        """The caller should have asked first."""
        self.assert_refused(
            b"Subject: x\r\n\r\n", "5.6.0 the message is not multipart/vnd.msys.mcmt"
        )

    def test_boundary_faults(self) -> None:
        """Not named, not usable, not found, only the closing one, no closing one."""
        unnamed = "5.6.0 the message: Content-Type names no usable boundary"
        unfound = (
            "5.6.0 the message: no part begins with the boundary"
            " that Content-Type names"
        )
        cases = [
            (message(MAIL, top=b"Content-Type: %s\r\n" % MULTI), unnamed),
            (message(MAIL, top=b'Content-Type: %s;boundary=""\r\n' % MULTI), unnamed),
            (TOP + b"\r\n", unfound),
            (message(MAIL, top=TOP.replace(b"=b", b"=c")), unfound),
            (message(), unfound),
            (
                message(MAIL).replace(b"--b--", b"--b-"),
                "5.6.0 the message: the closing boundary line is missing",
            ),
            (
                TOP + b"\r\n--b\r\n",
                "5.6.0 the message: the closing boundary line is missing",
            ),
        ]
        for content, text in cases:
            self.assert_refused(content, text)

    def test_two_boundary_lines_with_nothing_between(self) -> None:
        """A part has at least an empty line."""
        text = "5.6.0 part {}: nothing stands between two boundary lines"
        self.assert_refused(TOP + b"\r\n--b\r\n--b--\r\n", text.format(1))
        twice = message(MAIL, MAIL).replace(b"--b\r\n", b"--b\r\n--b\r\n", 1)
        self.assert_refused(twice, text.format(1))
        content = message(MAIL).replace(b"--b--", b"--b\r\n--b--")
        self.assert_refused(content, text.format(2))

    def test_second_parts(self) -> None:
        """Which would count? Two names of one type are one type."""
        old = MAIL.replace(b"rfc822", b"RFC2822")
        self.assert_refused(
            message(MAIL, b"\r\n", old), "5.6.0 part 3: a second message/rfc822 part"
        )
        self.assert_refused(
            message(PUSH, PUSH), "5.6.0 part 2: a second message/vnd.msys.apn part"
        )

    def test_limits(self) -> None:
        """Parts and headers are bounded; the limits themselves are allowed."""
        three = message(b"\r\n", b"\r\n", b"\r\n")
        self.assertEqual(open_container(three, Limits(parts=3)), Container(None, None))
        self.assert_refused(three, "5.6.0 the message has more than 2 parts", parts=2)
        self.assert_refused(
            message(b"\r\n" * 2).replace(TOP, b"A: %s\r\n" % (b"x" * 99) + TOP),
            "5.6.0 header of the message: longer than 90 bytes",
            header_bytes=90,
        )
        self.assert_refused(
            message(b"A: %s\r\n\r\n" % (b"x" * 99)),
            "5.6.0 header of part 1: longer than 90 bytes",
            header_bytes=90,
        )
        many = message(*[b"\r\n"] * 33)
        self.assert_refused(many, "5.6.0 the message has more than 32 parts")

    def test_headers_of_parts(self) -> None:
        """Broken ones are refused whatever the part is, with part and line."""
        self.assert_refused(
            message(MAIL, b"A: 1\r\nContent-Type message/vnd.msys.apn\r\n\r\n"),
            "5.6.0 header of part 2, line 2:"
            " neither a field nor the empty line after them",
        )
        self.assert_refused(
            message(b"Content-Type: x/y"),
            "5.6.0 header of part 1: the empty line after it is missing",
        )
        self.assert_refused(
            message(b"Content-Type: x/y\r\n" * 2 + b"\r\n"),
            "5.6.0 part 1: Content-Type stands there twice",
        )
        self.assert_refused(
            message(MAIL, top=TOP * 2),
            "5.6.0 the message: Content-Type stands there twice",
        )

    def test_faults_of_the_push_part_name_it(self) -> None:
        """By its number."""
        self.assert_refused(
            message(MAIL, PUSH.replace(b'{"a":1}', b"[]")),
            "5.6.1 part 2: the JSON is not an object",
        )
        self.assert_refused(
            message(PUSH.replace(b"\r\n\r\n{", b"\r\n{")),
            "5.6.0 inner header of part 1, line 2:"
            " an empty line must stand before the JSON",
        )

    def test_nul_bytes(self) -> None:
        """Anywhere, and also behind base64."""
        nul = "5.6.0 the message holds a NUL byte"
        self.assert_refused(message(MAIL + b"\0"), nul)
        self.assert_refused(message(MAIL) + b"\0", nul)
        self.assert_refused(
            message(
                b"Content-Type: message/rfc822\r\n"
                b"Content-Transfer-Encoding: base64\r\n\r\nAAAA"
            ),
            nul,
        )

    def test_bare_carriage_returns_where_they_could_mislead(self) -> None:
        """Around a boundary line and in headers; as content they are content."""
        text = "5.6.0 {}: a carriage return without its line feed"
        for content in (
            message(MAIL + b"\r--b\r\n" + PUSH),
            message(MAIL + b"\r\n--b\rX: y\r\n\r\n"),
            message(MAIL).replace(b"--b--\r\n", b"--b-- \r"),
        ):
            self.assert_refused(content, text.format("the message"))
        self.assert_refused(
            message(MAIL, top=TOP.replace(b"\r\n", b"\r\r\n")),
            text.format("header of the message"),
        )
        self.assert_refused(
            message(b"A: 1\rB: 2\r\n\r\n"), text.format("header of part 1")
        )
        mail = open_container(message(MAIL + b"\r\r\nx\ry")).mail
        self.assertEqual(mail, b"Subject: x\r\n\r\nbody\r\r\nx\ry")

    def test_every_truncation_is_refused(self) -> None:
        """No prefix of a message passes for a shorter message."""
        for name in SAMPLES:
            content = sample(name)
            whole = open_container(content)
            shortest = content.rindex(b"--\r\n") + 2
            if name == "telnet.eml":
                shortest = content.index(b"boundary_--") + len(b"boundary_--")
            for length in range(shortest):
                text = answer_to(lambda n=length, c=content: open_container(c[:n]))
                self.assertRegex(text, r"\A550 5\.6\.0 ")
            for length in range(shortest, len(content)):
                if content[length - 1] != 0x0D:
                    self.assertEqual(open_container(content[:length]), whole)

    @readable
    @given(st.sampled_from(SAMPLES), st.data())
    def test_damaged_messages_are_read_or_refused(
        self, name: str, data: st.DataObject
    ) -> None:
        """Nothing but MessageRejected comes out of any damage."""
        content = sample(name)
        start = data.draw(st.integers(0, len(content)))
        stop = data.draw(st.integers(start, min(start + 9, len(content))))
        filling = data.draw(
            st.binary(max_size=6) | st.sampled_from([b"\r", b"\n", b"("])
        )
        try:
            container = open_container(content[:start] + filling + content[stop:])
        except MessageRejected as error:
            self.assertTrue(str(error).isascii())
        else:
            self.assertIsInstance(container, Container)

    def test_hostile_messages_take_no_long_time(self) -> None:
        """Boundaries that nearly match, endless blanks, a thousand fields."""
        for body in (
            b"\n--b" * 50_000,
            b"--b" * 50_000,
            b"-" * 200_000,
            b"\n--b" + b" " * 200_000,
            b"\n--b\n" + b"A:\n" * 50_000,
            b"\n--b\n" + b"Content-Type:\n" * 4_000 + b"\n--b--",
        ):
            self.assertIn(
                "550 5.6.0 ", answer_to(lambda b=body: open_container(TOP + b))
            )
            self.assertIn(
                "550 5.6.0 ", answer_to(lambda b=body: open_container(TOP + b"\n" + b))
            )


PIECES = st.lists(
    st.sampled_from(
        [b"--b", b"--b--", b"--bb", b"b", b"--", b"\r\n", b"\n", b"\r", b" ", b"\t"]
    )
    | st.sampled_from(
        [
            b"A: 1",
            b"a: 2",
            b"Content-Type: text/x; b=c",
            b":",
            b"From x",
            b"{",
            b"\xff",
        ]
    )
    | st.sampled_from(
        [b"\r\n\r\n", b"\n--b\n", b"\r\n--b\r\n", b"\r\n--b--\r\n", b"\r\n--b--"]
    )
    | st.sampled_from(
        [b"\r\n--b\r\nA: 1\r\n\r\nx", b"\r\n--b\r\n\r\n", b"\n--b\nA: 1\n b\n\n"]
    ),
    max_size=14,
).map(b"".join)


class AgreementTests(TestCase):
    """The fast cut and the standard library's parser, on whatever both accept."""

    @readable
    @given(PIECES, st.sampled_from([b"", b"\r\n--b--\r\n", b"\n--b--"]))
    def test_same_parts(self, body: bytes, end: bytes) -> None:
        """Same number of parts, same fields, same bodies, byte by byte."""
        content = TOP + b"\r\n" + body + end
        theirs = message_from_bytes(content)
        try:
            ours = cut(content)
        except MessageRejected:
            return
        if theirs.defects or any(part.defects for part in theirs.get_payload()):
            return
        self.assertEqual(
            [part_body for _, part_body in ours],
            [_raw(part._payload) for part in theirs.get_payload()],
        )
        for (header, _), part in zip(ours, theirs.get_payload(), strict=True):
            self.assertEqual(seen_fields(part, header), their_fields(part))

    @readable
    @given(st.lists(st.tuples(PIECES, st.booleans()), min_size=1, max_size=4))
    def test_both_accept_what_is_built_right(
        self, bodies: list[tuple[bytes, bool]]
    ) -> None:
        """Bodies without the boundary are accepted by both and come out whole."""
        clean = [(body.replace(b"--b", b"--c"), typed) for body, typed in bodies]
        content = message(
            *[(b"A: 1\r\n" if typed else b"") + b"\r\n" + body for body, typed in clean]
        )
        expected = [(b"A: 1\r\n" if typed else b"", body) for body, typed in clean]
        self.assertEqual(cut(content), expected)
        theirs = message_from_bytes(content)
        self.assertEqual(theirs.defects, [])
        self.assertEqual(
            [_raw(part._payload) for part in theirs.get_payload()],
            [body for body, _ in clean],
        )

    def test_the_samples_have_the_same_parts(self) -> None:
        """The library opens the parts, so only their types are compared."""
        for name in SAMPLES[::2]:
            content = sample(name)
            theirs = message_from_bytes(content)
            types = [
                field_values(head, b"content-type:")[0] for head, _ in cut(content)
            ]
            self.assertEqual(
                [part["Content-Type"].encode() for part in theirs.get_payload()], types
            )
        mail = message_from_bytes(sample("telnet.eml")).get_payload(0).get_payload(0)
        self.assertEqual(message_from_bytes(TELNET.mail).items(), mail.items())
        self.assertEqual(
            message_from_bytes(TELNET.mail).get_payload(), mail.get_payload()
        )


def _raw(text: object) -> bytes:
    return str(text).encode("ascii", "surrogateescape")
