"""The lane that a verb is asked about: settings of a domain, and its credential."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path
from typing import Any

import click
from attrs import evolve, frozen

from mcmtpush.apns.bearer import Instant, Mint
from mcmtpush.config.certificate import read_topic
from mcmtpush.config.finding import has_errors
from mcmtpush.config.merge import read_configuration
from mcmtpush.config.push import HTTP2_SCHEME
from mcmtpush.config.settings import Configuration
from mcmtpush.config.views import DeliverySettings, Route
from mcmtpush.errors import ConfigError, McmtPushError
from mcmtpush.files import DiskFiles, read_search_path
from mcmtpush.verbs.output import UNUSABLE, leave


def file_and_domain(verb: Any) -> Any:
    """The two arguments of verbs about a lane."""
    verb = click.argument("domain")(verb)
    return click.argument("file", type=click.Path(exists=True, dir_okay=False))(verb)


@frozen
class Lane:
    """One domain that is delivered over HTTP/2.

    Attributes:
        settings: what delivery is told; the topic is filled in from the
            certificate where nothing else says it.
        routes: those over HTTP/2, most preferred first.
        credential: in words.
        bearer: a provider token, the whole value of `authorization`; None when a
            certificate is shown instead.
    """

    settings: DeliverySettings
    routes: tuple[Route, ...]
    credential: str
    bearer: bytes | None


def read_lane(file: str, domain: str) -> Lane:
    """Of a configuration; leaves with 2 when there is nothing to talk to."""
    root, findings = read_configuration(file, DiskFiles(), read_search_path(os.environ))
    if has_errors(findings):
        leave(f"{file} has errors: run mcmtpush check {file}", UNUSABLE)
    try:
        configuration = Configuration(root, socket.gethostname())
        settings = configuration.delivery(configuration.routing_key(domain))
    except McmtPushError as error:
        leave(str(error), UNUSABLE)
    routes = tuple(one for one in settings.routes if one.scheme == HTTP2_SCHEME)
    if settings.delivery_method != "apn" or not routes:
        leave(
            f"{domain} has no apn2 route in {file}: only Apple's HTTP/2 interface can "
            "be asked",
            UNUSABLE,
        )
    if settings.key is not None:
        return _by_key(settings, routes)
    return _by_certificate(domain, settings, routes)


def _by_key(settings: DeliverySettings, routes: tuple[Route, ...]) -> Lane:
    key = settings.key
    assert key is not None  # noqa: S101 - the caller looked
    try:
        minter = Mint().minter(
            _read(key.file), key_id=key.key_id, team_id=key.team_id, file=key.file
        )
    except ConfigError as error:
        leave(error.message, UNUSABLE)
    bearer = minter.bearer(Instant(time.time(), time.monotonic()))
    words = f"key {key.key_id} of team {key.team_id}, {key.file}"
    return Lane(settings, routes, words, bearer)


def _by_certificate(
    domain: str, settings: DeliverySettings, routes: tuple[Route, ...]
) -> Lane:
    path = settings.tls.certificate
    if path is None:
        leave(f"{domain} has neither a key nor a tls_certificate", UNUSABLE)
    if settings.topic is None:
        settings = evolve(settings, topic=read_topic(_read(path)))
    return Lane(settings, routes, f"certificate {path}", None)


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        leave(f"{path} cannot be read: {error.strerror}", UNUSABLE)
