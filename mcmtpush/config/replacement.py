"""What stands for a certificate at Apple: a key where there is one, and the topic.

The certificate said which app a domain is for; a key does not.
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence

from attrs import frozen

from mcmtpush.config.certificate import read_topic
from mcmtpush.config.draft import Draft
from mcmtpush.config.outbound import Case, is_certified, subject
from mcmtpush.config.push import has_key
from mcmtpush.config.tree import Place, Setting
from mcmtpush.config.views import KeySettings


@frozen
class Replacement:
    """Of the certificates in a draft.

    Attributes:
        main: the file that `key.file` is named by.
        key: what to make provider tokens with; None lets certificates stay.
    """

    draft: Draft
    main: str
    key: KeySettings | None

    def replace(self, moving: Sequence[Case], staying: Sequence[Case]) -> None:
        """Of `moving` cases; `staying` ones keep what they share with them."""
        kept = {case.place("tls_certificate") for case in staying}
        done: set[Place] = set()
        for case in moving:
            # A pattern leaves to its domains what differs between them.
            if has_key(case.ask) or any(map(case.covers, moving)):
                continue
            certificate = case.ask("tls_certificate").setting
            anchor = certificate if is_certified(case) else case.ask("routes").setting
            if anchor is None or anchor.place in done:
                continue
            done.add(anchor.place)
            if self.key is not None:
                self._take_key(case, anchor, self.key, keep=anchor.place in kept)
            elif anchor is not certificate:
                text = f"{subject(case)} has neither a certificate nor a key"
                self.draft.note(
                    anchor, f"{text}: give --key-file, --key-id and --team-id"
                )
            self._name_topic(case, anchor)

    def _take_key(
        self, case: Case, anchor: Setting, key: KeySettings, *, keep: bool
    ) -> None:
        """The key instead of the certificate, which others may still need."""
        path = _seen_from(anchor.place.file, self.main, key.file)
        self.draft.add(anchor, f'apn_key_file = "{path}"')
        self.draft.add(anchor, f'apn_key_id = "{key.key_id}"')
        self.draft.add(anchor, f'apn_team_id = "{key.team_id}"')
        if keep or anchor.option.name != "tls_certificate":
            return
        self.draft.remove(anchor)
        certificate, private = case.ask("tls_certificate"), case.ask("tls_key")
        if private.setting and private.scope is certificate.scope:
            self.draft.remove(private.setting)
        if certificate.shadowed:
            self.draft.add(anchor, "tls_certificate = none")

    def _name_topic(self, case: Case, anchor: Setting) -> None:
        if case.ask("apn_topic").value:
            return
        topic = None
        if anchor.option.name == "tls_certificate":
            try:
                topic = read_topic(self.draft.files.read(anchor.value))
            except OSError as error:
                reason = error.strerror or type(error).__name__
                self.draft.note(anchor, f"{anchor.value} cannot be read: {reason}")
        if topic is not None:
            self.draft.add(anchor, f'apn_topic = "{topic}"')
            return
        self.draft.note(
            anchor,
            f"which app {subject(case)} is for is not known: add apn_topic with its "
            "bundle id, unless every message brings X-APNs-Topic",
        )


def _seen_from(file: str, main: str, path: str) -> str:
    """A path as `main` would name it, for a file that may lie in another folder."""
    here, there = posixpath.dirname(file), posixpath.dirname(main)
    if here == there or posixpath.isabs(path):
        return path
    return posixpath.relpath(posixpath.join(there, path), here or ".")
