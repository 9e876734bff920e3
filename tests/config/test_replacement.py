"""What stands for a certificate: keys and topics."""

from __future__ import annotations

from mcmtpush.config.views import KeySettings
from tests.config.test_migration import KEY, NEWS, after, notes, run
from tests.support.case import TestCase


class CredentialTests(TestCase):
    """Certificates, keys and topics."""

    def test_certificate_stays(self) -> None:
        """It serves over HTTP/2 too; its topic is written beside it."""
        changed = NEWS.replace(
            "apn://gateway.push.apple.com?port=2195",
            "apn2://api.push.apple.com?port=443",
        ).replace('/news.pem"\n', '/news.pem"\n  apn_topic = "com.example.news"\n')
        self.assertEqual(after(NEWS), changed)
        self.assertEqual(notes(NEWS), [])

    def test_key(self) -> None:
        """It takes the place of the certificate and its key."""
        self.assertEqual(
            after(NEWS, KEY),
            """\
domain "news.push" {
  delivery_method = "apn"
  routes = ( "apn2://api.push.apple.com?port=443" )   # Apple's
  apn_key_file = "/k.p8"
  apn_key_id = "ABCDE12345"
  apn_team_id = "TEAM567890"
  apn_topic = "com.example.news"
  tls_verify = "host"
  idle_timeout = 7200
}
""",
        )

    def test_key_beside_a_certificate(self) -> None:
        """A certificate that a binary gateway needs stays."""
        both = NEWS.replace('2195" )', '2195" "apn://gw.example.org" )')
        made = after(both, KEY)
        self.assertIn('tls_certificate = "/news.pem"', made)
        self.assertIn('tls_key = "/news.key"', made)
        self.assertIn('apn_key_file = "/k.p8"', made)

    def test_key_under_an_inherited_certificate(self) -> None:
        """What a wider scope would supply is cancelled."""
        made = after('tls_certificate = "/plain.pem"\n' + NEWS, KEY)
        self.assertIn("\n  tls_certificate = none\n", made)
        self.assertIn('tls_certificate = "/plain.pem"\n', made)

    def test_key_in_another_folder(self) -> None:
        """A relative path counts from the file it stands in."""
        key = KeySettings("apps/k.p8", "ABCDE12345", "TEAM567890")
        text = 'include "a.conf"\ninclude "sub/b.conf"\ninclude "/opt/c.conf"\n'
        others = {
            f"/{path}": NEWS.replace("news.push", path)
            for path in ("etc/mcmtpush/a.conf", "etc/mcmtpush/sub/b.conf", "opt/c.conf")
        }
        made = {file.file: file.after for file in run(text, key, **others).files}
        for path, name in (
            ("/etc/mcmtpush/a.conf", "apps/k.p8"),
            ("/etc/mcmtpush/sub/b.conf", "../apps/k.p8"),
            ("/opt/c.conf", "../etc/mcmtpush/apps/k.p8"),
        ):
            self.assertIn(f'apn_key_file = "{name}"', made[path])

    def test_key_without_a_certificate(self) -> None:
        """It is written behind the routes."""
        bare = NEWS.replace('  tls_certificate = "/news.pem"\n', "")
        bare = bare.replace('  tls_key = "/news.key"\n', "")
        self.assertIn('# Apple\'s\n  apn_key_file = "/k.p8"\n', after(bare, KEY))
        (credential, topic) = notes(bare)
        self.assertIn(
            "has neither a certificate nor a key: give --key-file", credential
        )
        self.assertIn("add apn_topic with its bundle id", topic)

    def test_unknown_topic(self) -> None:
        """A certificate that names no app, or cannot be read, leaves a note."""
        (note,) = notes(NEWS.replace("/news.pem", "/plain.pem"))
        self.assertTrue(note.startswith("4 which app the apn domain"), note)
        missing = notes(NEWS.replace("/news.pem", "/gone.pem"))
        self.assertIn("4 /gone.pem cannot be read: No such file or directory", missing)
        given = NEWS.replace("/news.pem", "/plain.pem").replace(
            "idle", "apn_topic=a idle"
        )
        self.assertEqual(notes(given), [])

    def test_pattern(self) -> None:
        """A certificate per domain under one pattern with the routes."""
        text = """
        domain /push$/ {
          delivery_method = apn tls_verify = host
          routes = ( "apn://gateway.push.apple.com" )
        }
        domain "news.push" { tls_certificate = "/news.pem" }
        """
        self.assertEqual(notes(text), [])
        made = after(text)
        self.assertIn('"/news.pem" apn_topic = "com.example.news" }', made)
        self.assertIn("apn2://api.push.apple.com", made)
