"""Other programs' whole clients of HTTP/2, doing one job."""

from __future__ import annotations

import json
import time
from typing import Any

from bench.job import FIELDS, ID, Job


def run_pycurl(job: Job) -> None:
    """libcurl's multi interface, one connection, easy handles used again."""
    import pycurl  # noqa: PLC0415

    multi = pycurl.CurlMulti()
    multi.setopt(pycurl.M_PIPELINING, pycurl.PIPE_MULTIPLEX)
    multi.setopt(pycurl.M_MAX_HOST_CONNECTIONS, 1)
    multi.setopt(pycurl.M_MAX_CONCURRENT_STREAMS, 1000)
    shared = [f"{name}: {value}" for name, value in FIELDS]

    def send(handle: Any) -> None:
        fields = [
            *shared,
            f"apns-id: {ID}{job.sent:012x}",
            f"apns-expiration: {int(time.time()) + 604800}",
        ]
        handle.setopt(pycurl.HTTPHEADER, fields)
        multi.add_handle(handle)
        job.sent += 1

    handles = [a_handle(pycurl, job) for _ in range(min(job.streams, job.count))]
    job.start()
    for handle in handles:
        send(handle)
    while job.answered < job.count:
        multi.perform()
        _, good, bad = multi.info_read(len(handles))
        if bad:
            raise SystemExit(str(bad[0][1:]))
        for handle in good:
            job.statuses[handle.getinfo(pycurl.RESPONSE_CODE)] += 1
            multi.remove_handle(handle)
            if job.sent < job.count:
                send(handle)
        if not good:
            multi.select(1.0)
    job.report()


def a_handle(pycurl: Any, job: Job) -> Any:
    """One request's handle, all but for its own fields."""
    handle = pycurl.Curl()
    for option, value in (
        (pycurl.URL, f"https://localhost:{job.port}{job.path}"),
        (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2),
        (pycurl.CAINFO, job.ca),
        (pycurl.RESOLVE, [f"localhost:{job.port}:127.0.0.1"]),
        (pycurl.PIPEWAIT, 1),
        (pycurl.POSTFIELDS, job.body),
        (pycurl.WRITEFUNCTION, len),
    ):
        handle.setopt(option, value)
    return handle


def run_aioapns(job: Job) -> None:
    """aioapns, whose answers are matched by stream: nghttpd repeats no apns-id."""
    import asyncio  # noqa: PLC0415
    import logging  # noqa: PLC0415
    import ssl  # noqa: PLC0415

    from aioapns import APNs, NotificationRequest, PushType  # noqa: PLC0415
    from aioapns.connection import APNsProductionClientProtocol  # noqa: PLC0415

    class Patched(APNsProductionClientProtocol):
        APNS_SERVER, APNS_PORT = "localhost", job.port

        def on_response_received(self, headers: Any) -> None:
            self.status = headers[b":status"].decode()

        def on_data_received(self, raw_data: bytes, stream_id: int) -> None:
            """Nothing, and that is no JSON."""

        def on_stream_ended(self, stream_id: int) -> None:
            super().on_stream_ended(stream_id)
            request = self.requests.pop(self.request_streams.pop(stream_id))
            request.set_result(self.status)

    async def main() -> None:
        context = ssl.create_default_context(cafile=job.ca)
        context.set_alpn_protocols(["h2"])
        context.load_cert_chain = lambda *_: None  # type: ignore[method-assign]
        apns = APNs(
            client_cert=job.ca, topic=FIELDS[0][1], max_connections=1,
            ssl_context=context,
        )  # fmt: skip
        apns.pool.protocol_class = Patched
        message = json.loads(job.body)

        async def sender() -> None:
            while job.sent < job.count:
                number = job.sent
                job.sent += 1
                request = NotificationRequest(
                    job.path.rpartition("/")[2],
                    message,
                    notification_id=f"{ID}{number:012x}",
                    time_to_live=604800,
                    priority=10,
                    push_type=PushType.ALERT,
                )
                status = await apns.pool.send_notification(request)
                job.statuses[int(status)] += 1

        job.count += 1
        warm = NotificationRequest(job.path.rpartition("/")[2], message)
        await apns.pool.send_notification(warm)
        job.count -= 1
        job.start()
        await asyncio.gather(*(sender() for _ in range(job.streams)))
        job.report()

    logging.disable(logging.CRITICAL)
    asyncio.run(main())
