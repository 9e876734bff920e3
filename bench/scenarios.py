"""Every scenario: what is asked, of whom, how much, and what is hoped for."""

from __future__ import annotations

from functools import partial

from bench import ceiling, delivery, depth, errors, hooks, http2, latency, pipe, workers
from bench.peers import AIOSMTPD, BARE, HARAKA_QUEUE, POSTFIX, Peer
from bench.reception import contenders, pipelined, source
from bench.run import Contender, Goal, Scenario


OURS = "mcmtpush"
TRIED = ("reception-20", "reception-kept", "reception-100k")
ALL = (BARE, AIOSMTPD, POSTFIX, HARAKA_QUEUE)


def reception(name: str, title: str, count: int, *peers: Peer, **load) -> Scenario:
    """smtp-source into the spool; one of them is enough to try the counting."""
    goals = []
    if name == "reception-20":
        goals = [Goal("messages/s", OURS, BARE.name, at_least=1.5)]
    return Scenario(
        name, title, count, contenders(partial(source, **load), *peers), goals,
        smoke=100 if name in TRIED else 0,
    )  # fmt: skip


def two_workers(
    name: str, title: str, count: int, contenders: list[Contender]
) -> Scenario:
    """Two against one."""
    two, one = (each.name for each in contenders)
    goals = [
        Goal("messages/s", two, one, at_least=1.5),
        Goal("cpu us", two, one, at_most=1.25),
    ]
    return Scenario(name, title, count, contenders, goals, smoke=300)


def latencies(protocol: str) -> list[Goal]:
    """Those of 2,000 messages a second."""
    name = f"{OURS}, {protocol}"
    return [
        Goal("250 p50 ms", name, at_most=3),
        Goal("250 p99 ms", name, at_most=15),
        Goal("written p99 ms", name, at_most=25),
    ]


MANY_DOMAINS = [Goal("cpu us", "many domains", "one domain", at_most=1.5)]
"""A million messages over ten thousand domains, held against a million in one."""

SCENARIOS = (
    reception("reception-1", "Reception, 1 session, 1 KB", 3_000, *ALL, sessions=1),
    reception("reception-20", "Reception, 20 sessions, 1 KB", 10_000, *ALL),
    reception("reception-100", "Reception, 100 sessions, 1 KB", 10_000, *ALL,
              sessions=100),
    reception("reception-kept", "Reception, 20 sessions kept, 1 KB", 10_000, *ALL,
              kept=True),
    Scenario(
        "reception-pipelined", "Reception, 20 sessions kept, PIPELINING, 1 KB", 10_000,
        # Haraka wants its 250 to be awaited.
        contenders(pipelined, BARE, AIOSMTPD, POSTFIX),
    ),
    reception("reception-4k", "Reception, 20 sessions, 4 KB in base64", 10_000,
              BARE, POSTFIX, size=4096, base64=True),
    reception("reception-100k", "Reception, 20 sessions, 100 KB", 2_000,
              BARE, POSTFIX, size=100_000),
    Scenario(
        "ceiling", "Reception, held against a server that reads nothing", 10_000,
        ceiling.RECEPTION, smoke=100,
    ),
    Scenario(
        "pipe", "Through everything, 20 sessions, 1 KB", 10_000,
        # The last two do less: more than ours can reach on this machine.
        [*pipe.CONTENDERS, *ceiling.THROUGH],
        [
            Goal("messages/s", f"{OURS}, binary", POSTFIX.name, at_least=10),
            Goal("messages/s", f"{OURS}, binary", BARE.name, at_least=1.2),
            Goal("messages/s", f"{OURS}, HTTP/2", POSTFIX.name, at_least=6),
        ],
    ),
    Scenario(
        "delivery-binary", "Delivery alone, binary protocol", 100_000,
        delivery.BINARY, [Goal("messages/s", OURS, at_least=40_000)], smoke=1000,
    ),
    Scenario(
        "delivery-http2", "Delivery alone, HTTP/2", 50_000,
        delivery.HTTP2,
        [Goal("messages/s", f"{OURS} to nghttpd", at_least=15_000)], smoke=1000,
    ),
    Scenario(
        "hooks-binary", "Delivery alone with a hook, binary protocol", 50_000,
        hooks.BINARY, [Goal("messages/s", "Python changes", "no hook", at_least=0.5)],
        figure="cpu us", smoke=300,
    ),
    Scenario(
        "hooks-http2", "Delivery alone with a hook, HTTP/2", 30_000,
        hooks.HTTP2, [Goal("messages/s", "Python changes", "no hook", at_least=0.5)],
        figure="cpu us", smoke=300,
    ),
    Scenario(
        "http2-100", "HTTP/2 clients, one connection, 100 streams, 100 bytes",
        20_000, http2.contenders(100, 100), figure="requests/s", smoke=300,
    ),
    Scenario(
        "http2-500", "HTTP/2 clients, one connection, 500 streams, 1 KB",
        20_000, http2.contenders(500, 1024), figure="requests/s", smoke=0,
    ),
    Scenario(
        "http2-alone", "HTTP/2 codecs alone, no network, 100 streams, 1 KB", 20_000,
        http2.ALONE, figure="requests/s", smoke=300,
    ),
    Scenario(
        "latency", "Latency at 2,000 messages/s, 50 sessions", 20_000,
        latency.contenders(2000.0, 50), [*latencies("binary"), *latencies("HTTP/2")],
        figure="250 p99 ms",
    ),
    Scenario(
        "latency-1", "Latency with 1 session, one message after the other", 2_000,
        latency.contenders(0.0, 1),
        [
            Goal("ms but fsync", f"{OURS}, {protocol}", at_most=1.2)
            for protocol in ("binary", "HTTP/2")
        ],
        figure="ms",
    ),
    two_workers("workers-kept", "Reception by workers, 100 sessions kept, 1 KB", 20_000,
                workers.RECEIVED),
    Scenario(
        "ceiling-workers", "Reception by two and one, of servers that read nothing",
        20_000, ceiling.WORKERS, smoke=300,
    ),
    two_workers("workers-pipelined",
                "Reception by workers, 100 sessions kept, PIPELINING, 1 KB", 20_000,
                workers.PIPELINED),
    two_workers("workers-through", "Through workers to nghttpd, 100 kept sessions",
                20_000, workers.THROUGH),
    two_workers("workers-delivery", "Delivery by workers alone, to nghttpd", 100_000,
                workers.DELIVERED),
    Scenario(
        "depth", "10,000 messages pass those that wait", 1_000_000, depth.PASSED,
        [
            Goal("cpu us", "many queued", "few queued", at_most=1.2),
            Goal("MB", "many queued", at_most=300),
        ],
        figure="cpu us", smoke=300,
    ),
    Scenario(
        "drain", "Start on a full spool and deliver it", 1_000_000, depth.DRAINED,
        [
            Goal("cpu us", "many queued", "few queued", at_most=1.2),
            Goal("peak MB", "many queued", at_most=300),
            Goal("first delivery s", "many queued", at_most=10),
        ],
        figure="cpu us", smoke=2000,
    ),
    Scenario(
        "domains", "Reception, 100 messages for each of 10,000 domains, PIPELINING",
        1_000_000, depth.QUEUED, MANY_DOMAINS, figure="cpu us", smoke=200,
    ),
    Scenario(
        "domains-connected",
        "Delivery, 100 messages for each of 10,000 domains, a TLS connection each",
        1_000_000, depth.CONNECTED, MANY_DOMAINS, figure="cpu us", smoke=200,
    ),
    Scenario(
        "domains-single", "Reception, one message for each of 10,000 domains",
        10_000, depth.QUEUED_SINGLY, figure="cpu us", smoke=0,
    ),
    Scenario(
        "domains-single-connected",
        "Delivery, one message for each of 10,000 domains, a TLS connection each",
        10_000, depth.CONNECTED_SINGLY, figure="cpu us", smoke=100,
    ),
    Scenario(
        "errors", "Bad tokens, binary protocol", 5_000, errors.CONTENDERS,
        [Goal("through/s", "1 % bad", "none bad", at_least=0.5)],
        figure="backlog/s",
    ),
)  # fmt: skip
"""In the order of the page."""
