"""Words, strings and marks with their places, whatever the text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.config.tokens import (
    MOST_FAULTS,
    Faults,
    Kind,
    Token,
    decode,
    printable,
    read_tokens,
    shown,
)
from tests.config.strategies import HOSTILE
from tests.support.case import TestCase, readable


def read(text: str) -> tuple[list[str], list[str]]:
    """Tokens as text (strings in ⟨⟩) and faults as `line:column: message`."""
    faults = Faults("x")
    tokens = read_tokens(text, faults)
    texts = [f"⟨{t.text}⟩" if t.kind is Kind.STRING else t.text for t in tokens[:-1]]
    return texts, [f"{e.line}:{e.column}: {e.message}" for e in faults.errors]


class WordTests(TestCase):
    """What separates, and what does not."""

    def test_marks_words_and_blanks(self) -> None:
        """Marks need no blanks around them; every kind of blank separates."""
        texts, faults = read('a=b c{d}\t( e,f )\r\n[g="h"]')
        self.assertEqual(
            texts, [*"a=b", *"c{d}", "(", "e", ",", "f", ")", "[", "g", "=", "⟨h⟩", "]"]
        )
        self.assertEqual(faults, [])

    def test_bare_words(self) -> None:
        """Paths, URIs, blocks, globs, sockets and negative numbers need no quotes."""
        words = "/a/b.pem digest:///x 10.0.0.0/8 *.x.y 1.2.3.4:25 :25 *:25 -1 it's ::1"
        self.assertEqual(read(words), (words.split(), []))

    def test_bracketed_addresses(self) -> None:
        """An IPv6 address in brackets is one word; other brackets are marks."""
        words = "[::1]:2525 [*]:25 [2001:DB8::1] [IPv6:2001:db8::1] [192.0.2.1]"
        self.assertEqual(read(words), (words.split(), []))
        self.assertEqual(read("[a=b]")[0], ["[", "a", "=", "b", "]"])
        self.assertEqual(read("[]")[0], ["[", "]"])

    def test_comments(self) -> None:
        """Both kinds separate, also inside a word; blocks do not nest."""
        self.assertEqual(read("a#b\nc")[0], ["a", "c"])
        self.assertEqual(read("a/* b\n */c /* /* */ d")[0], ["a", "c", "d"])
        self.assertEqual(read('"#a" "/* b */"')[0], ["⟨#a⟩", "⟨/* b */⟩"])

    def test_regex_domains(self) -> None:
        """The name of a domain runs to the slash before a blank or a brace."""
        for regex in ("/a b/", r"/(^|[.])x{2}\.y$/", r"/a\/ b/", '/a"b/', "/a=(b)#/"):
            with self.subTest(regex):
                self.assertEqual(
                    read(f"Domain {regex} {{"), (["Domain", regex, "{"], [])
                )
        self.assertEqual(read("domain /a/{}")[0], ["domain", "/a/", "{", "}"])

    def test_slashes_elsewhere_are_paths(self) -> None:
        """Neither a value nor another scope's name is read as a regex."""
        self.assertEqual(read("x = domain /a b/")[0], ["x", "=", "domain", "/a", "b/"])
        self.assertEqual(read("( domain /a b/ )")[0], ["(", "domain", "/a", "b/", ")"])
        self.assertEqual(read("listen /a b/")[0], ["listen", "/a", "b/"])

    def test_places(self) -> None:
        """Lines and columns count from 1, in characters."""
        tokens = read_tokens('a =\n  "é\nx" b\n', Faults("x"))
        self.assertEqual(
            tokens,
            [
                Token(Kind.WORD, "a", 1, 1, True),
                Token(Kind.MARK, "=", 1, 3, False),
                Token(Kind.STRING, "é\nx", 2, 3, True),
                Token(Kind.WORD, "b", 3, 4, True),
                Token(Kind.END, "", 4, 1, True),
            ],
        )


class StringTests(TestCase):
    """Quotes and escapes."""

    def test_escapes(self) -> None:
        """Five escapes mean something; any other backslash stays."""
        texts, _ = read(r'"a\"b" "\\" "\r\n\t" "\d\.\w" "\\d" ')
        self.assertEqual(texts, ['⟨a"b⟩', "⟨\\⟩", "⟨\r\n\t⟩", r"⟨\d\.\w⟩", r"⟨\d⟩"])

    def test_newlines_and_empty(self) -> None:
        """A string may run over lines, or be empty."""
        self.assertEqual(
            read('"SELECT a\n FROM b" ""')[0], ["⟨SELECT a\n FROM b⟩", "⟨⟩"]
        )

    def test_single_quotes_are_literal(self) -> None:
        """Nothing is escaped in single quotes, and they begin a word only."""
        self.assertEqual(read(r"""'a\"b' 'x"y' d'e""")[0], [r"⟨a\"b⟩", '⟨x"y⟩', "d'e"])

    @readable
    @given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
    def test_any_text_survives_quoting(self, text: str) -> None:
        """With backslashes and quotes escaped, every text reads back."""
        quoted = text.replace("\\", "\\\\").replace('"', '\\"')
        tokens = read_tokens(f'"{quoted}"', Faults("x"))
        self.assertEqual([t.text for t in tokens], [text, ""])


class FaultTests(TestCase):
    """What is wrong, where, and how the reading goes on."""

    def test_a_string_that_is_never_closed_ends_with_its_line(self) -> None:
        """What follows the line is read as usual."""
        texts, faults = read('a = "b c\nd = e')
        self.assertEqual(texts, ["a", "=", "⟨b c⟩", "d", "=", "e"])
        self.assertEqual(faults, ['1:5: a " that is closed neither here nor later'])

    def test_a_quote_that_opens_the_next_string_closes_none(self) -> None:
        """A missing quote does not turn the rest of the file inside out."""
        texts, faults = read('a = "b\nc = "d"\ne = "f"')
        self.assertEqual(texts, [*"a=", "⟨b⟩", *"c=", "⟨d⟩", *"e=", "⟨f⟩"])
        self.assertEqual(faults, ['1:5: a " that is closed neither here nor later'])

    def test_a_brace_behind_an_open_string_stays_a_brace(self) -> None:
        """The scope that was meant is opened."""
        texts, faults = read('listen ":25 {\n}')
        self.assertEqual(texts, ["listen", "⟨:25⟩", "{", "}"])
        self.assertEqual(len(faults), 1)

    def test_open_comments(self) -> None:
        """At a word's beginning it swallows the rest; inside, it is a mistake."""
        self.assertEqual(read("a\n /* b"), (["a"], ['2:2: a "/*" without its "*/"']))
        self.assertEqual(
            read("include d/*.conf\nb"),
            (
                ["include", "d", "b"],
                ['1:10: "/*" opens a comment: put this value in quotes'],
            ),
        )

    def test_habits_of_other_languages(self) -> None:
        """A semicolon is reported and left out; so the word before it is read."""
        texts, faults = read('a = 5;\nb = "c";\nd {};\n')
        self.assertEqual(texts, [*"a=5", *"b=", "⟨c⟩", *"d{}"])
        self.assertEqual(
            faults,
            [
                f'{place}: a ";": nothing ends an option'
                for place in ("1:6", "2:8", "3:5")
            ],
        )

    def test_pasted_characters(self) -> None:
        """Typographic quotes and invisible blanks are named."""
        self.assertEqual(
            read("a = \u201cb\u201d\nc\u00a0= d")[1],
            [
                '1:5: a typographic quote: write "',
                "2:2: an invisible character: remove it",
            ],
        )

    def test_one_fault_a_line_and_not_without_end(self) -> None:
        """A file that is no configuration is not reported line by line."""
        _, faults = read("a; b; c;\n" * 500)
        self.assertEqual(len(faults), MOST_FAULTS + 1)
        self.assertIn("the rest is not reported", faults[-1])

    @readable
    @given(HOSTILE)
    def test_any_text_is_read(self, text: str) -> None:
        """No text raises; tokens stand in order, where they say, and end with END."""
        tokens = read_tokens(text, Faults("x"))
        places = [(t.line, t.column) for t in tokens]
        self.assertEqual(places, sorted(places))
        self.assertEqual([t.kind for t in tokens].index(Kind.END), len(tokens) - 1)
        lines = text.split("\n")
        for token in tokens:
            rest = lines[token.line - 1][token.column - 1 :]
            if token.kind in {Kind.WORD, Kind.MARK}:
                self.assertTrue(rest.startswith(token.text))


class DecodeTests(TestCase):
    """Bytes to text."""

    def test_utf_8_with_and_without_a_mark(self) -> None:
        """A byte order mark is no part of the text."""
        faults = Faults("x")
        self.assertEqual(decode(b"\xef\xbb\xbfa\xc3\xa9\r\nb", faults), "a\xe9\r\nb")
        self.assertEqual(faults.errors, [])

    def test_bad_bytes_have_places(self) -> None:
        """Invalid UTF-8 and NUL are reported, counted in characters, and replaced."""
        faults = Faults("x")
        text = decode(b"\xc3\xa9a\xe9 = 1\nb\0c\n\xff", faults)
        self.assertEqual(text, "\xe9a\ufffd = 1\nb\ufffdc\n\ufffd")
        self.assertEqual(
            [f"{e.line}:{e.column}: {e.message}" for e in faults.errors],
            [
                "1:3: byte 0xE9 is not UTF-8: save the file as UTF-8",
                "2:2: a NUL character cannot stand here",
                "3:1: byte 0xFF is not UTF-8: save the file as UTF-8",
            ],
        )

    @readable
    @given(st.binary())
    def test_any_bytes_become_text(self, data: bytes) -> None:
        """No bytes raise, and every line stays a line."""
        text = decode(data, Faults("x"))
        self.assertEqual(text.count("\n"), data.count(b"\n"))
        self.assertNotIn("\0", text)


class ShownTests(TestCase):
    """Foreign text in messages."""

    def test_shown(self) -> None:
        """Quoted, on one line, cut."""
        self.assertEqual(shown("a\nb\x1b"), '"a\\x0ab\\x1b"')
        self.assertEqual(shown("a" * 61), '"' + "a" * 60 + '…"')
        self.assertEqual(printable("é x"), "é x")
