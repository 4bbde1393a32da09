"""Inject faults on the wire: requests that are delayed, refused, cut or never answered."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from qdrant_embedded import errors
from qdrant_embedded.fault_injection import kill_self
from qdrant_embedded.http import responses

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from qdrant_embedded.fault_injection import Fault, FaultInjector

CONTROL_PATH = "/__misbehave"


class FaultMiddleware:
    """Wraps the application and applies the active faults; serves `/__misbehave` itself."""

    def __init__(self, app: ASGIApp, faults: FaultInjector) -> None:
        self.app = app
        self.faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on, or apply its fault."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = scope["raw_path"].decode("latin-1")
        if path == CONTROL_PATH:
            await self._control(scope, receive, send)
            return
        query = scope["query_string"].decode("latin-1")
        line = f"{scope['method']} {path}" + (f"?{query}" if query else "")
        due = {fault["fault"]: fault for fault in self.faults.take_for_request(line)}
        if "slow" in due:
            await asyncio.sleep(due["slow"]["seconds"])
        if "silent" in due:
            await wait_for_disconnect(receive)
        elif "fail" in due:
            await make_response(due["fail"])(scope, receive, send)
        elif "lost" in due or "die" in due:
            await self.app(scope, receive, discard)
            if "die" in due:
                kill_self()
            close_connection(receive, reset=False)
            raise asyncio.CancelledError  # without it, uvicorn logs that the application did not answer
        elif "cut" in due:
            await self.app(scope, receive, TruncatingSend(due["cut"], receive, send))
        else:
            await self.app(scope, receive, send)

    async def _control(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            if scope["method"] == "PUT":
                self.faults.replace(await Request(scope, receive).json())
            elif scope["method"] == "DELETE":
                self.faults.replace([])
            content = responses.encode_json(self.faults.to_json())
            response = Response(content, media_type=responses.JSON)
        except errors.ApiError as error:
            response = Response(error.message, error.status)
        await response(scope, receive, send)


class TruncatingSend:
    """A `send` that passes a number of bytes of the body on and then closes the connection."""

    def __init__(self, fault: Fault, receive: Receive, send: Send) -> None:
        self.left: int = fault["bytes"]
        self.reset: bool = fault.get("reset", False)
        self.receive = receive
        self.send = send

    async def __call__(self, message: Message) -> None:
        """Pass one message on, shortened at the limit."""
        if message["type"] != "http.response.body":
            await self.send(message)
            return
        content = message.get("body", b"")
        if len(content) < self.left or not content:
            self.left -= len(content)
            await self.send(message)
            return
        await self.send({**message, "body": content[: self.left], "more_body": True})
        self.left = 0
        await asyncio.sleep(0.05)  # the bytes must be sent before the connection is closed
        close_connection(self.receive, reset=self.reset)
        raise asyncio.CancelledError


def make_response(fault: Fault) -> Response:
    """Return the response of a `fail` fault: JSON for an object, HTML for a string."""
    body, headers = fault.get("body", {}), fault.get("headers")
    if isinstance(body, str):
        return Response(body, fault["status"], headers, media_type="text/html")
    return Response(responses.encode_json(body), fault["status"], headers, media_type=responses.JSON)


async def discard(_message: Message) -> None:
    """Drop a message."""


async def wait_for_disconnect(receive: Receive) -> None:
    """Wait until the client has closed the connection."""
    while (await receive())["type"] != "http.disconnect":
        pass


def close_connection(receive: Receive, *, reset: bool) -> None:
    """Close the connection of the request, with a RST if asked.

    ASGI cannot do that. In uvicorn, `receive` is a method of the object that holds the transport.
    """
    transport: Any = receive.__self__.transport  # type: ignore[attr-defined]
    if reset:
        raw: socket.socket = transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    else:
        transport.close()
