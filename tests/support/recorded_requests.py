"""Replaying recorded requests against a server, and comparing answers by their shape."""

from __future__ import annotations

import hashlib
import http.client
import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

RECORDED = Path(__file__).parent.parent / "data" / "recorded" / "answers-1.18.3.jsonl"
SENT_PATHS = {18: "/"}
"""The recording client resolved `/collections/..` before it sent it."""
REMEMBERED = frozenset({"snap create", "bearer right", "full"})
NOT_WAITED_FOR = "snap create nowait"
BOUNDARY = "a-boundary-that-no-snapshot-holds"
END_MARKER = 1024

Recorded = dict[str, Any]


def load() -> list[Recorded]:
    """All recorded requests and answers, in the order they were made."""
    return [json.loads(line) for line in RECORDED.read_text().splitlines()]


@dataclass(frozen=True)
class RecordedAnswer:
    """An answer: status, content type, and the body as JSON or as text."""

    status: int
    content_type: str | None
    body: Any

    @property
    def shape(self) -> object:
        """The same without its values."""
        return self.status, self.content_type, shape(self.body)


def of_recorded(one: Recorded) -> RecordedAnswer:
    """Return the recorded answer; the recording put text and files into small objects of their own."""
    return RecordedAnswer(one["status"], one["headers"].get("content-type"), one["answer"])


def shape(value: object) -> object:
    """Keys and types, recursively; of an error or a text its first words, which say what kind it is."""
    match value:
        case {"status": {"error": str(sentence)}, "time": _}:
            return {"status": {"error": sentence.partition(":")[0]}, "time": "number"}
        case {"text": str(text)}:
            return {"text": text[:8]}
        case dict():
            return {key: shape(value[key]) for key in sorted(value)}
        case list():
            return sorted({repr(shape(inner)) for inner in value})
        case bool():
            return "bool"
        case int() | float():
            return "number"
        case None:
            return "null"
    return "text"


def as_float32(value: object) -> object:
    """Return the value without `time`, its numbers as the float32 that a vector keeps of them."""
    match value:
        case dict():
            return {key: as_float32(inner) for key, inner in value.items() if key != "time"}
        case list():
            return [as_float32(inner) for inner in value]
        case float():
            return struct.unpack("f", struct.pack("f", value))[0]
    return value


@dataclass
class Replay:
    """One server being asked what was recorded, with what only this run knows put in place.

    Snapshot names, checksums, sizes, ETags and URLs of the recording are replaced by those met on the way.
    """

    url: str
    snapshots: str
    content: bytes = b""
    name: str = "none-yet.snapshot"
    etag: str = ""

    def ask(self, number: int, one: Recorded) -> RecordedAnswer:
        """Send one recorded request."""
        body, headers = self._body(one)
        headers |= {key: self._here(value) for key, value in (one.get("request_headers") or {}).items()}
        path = SENT_PATHS.get(number) or str(one["path"])
        query = {key: self._here(value) for key, value in (one.get("params") or {}).items()}
        path = self._here(path) + (f"?{urlencode(query)}" if query else "")
        answer, _, _ = self._exchange(one["method"], path, body, headers)
        self._remember(one["note"], path, answer)
        return answer

    def _exchange(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> tuple[RecordedAnswer, bytes, dict[str, str]]:
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=30)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            raw = response.read()
        finally:
            connection.close()
        received = {key.lower(): value for key, value in response.getheaders()}
        kind = received.get("content-type")
        return RecordedAnswer(response.status, kind, parsed(path, kind, raw)), raw, received

    def _remember(self, note: str, path: str, answer: RecordedAnswer) -> None:
        """Keep what later requests refer to: the last snapshot's name, content and ETag."""
        if note in REMEMBERED and path.endswith("/snapshots"):
            self.name = answer.body["result"]["name"]
            self._fetch(path)
        if note == NOT_WAITED_FOR:  # it may have replaced the other snapshot of the same second
            self._await_creation()
            self._fetch(path.partition("?")[0])

    def _fetch(self, path: str) -> None:
        headers = {"accept-encoding": "identity", "api-key": "full"}
        _, self.content, sent = self._exchange("GET", f"{path}/{quote(self.name)}", None, headers)
        self.etag = sent["etag"]

    def _await_creation(self) -> None:
        running = ["at least once"]
        while running:
            lines = self._exchange("GET", "/metrics", None, {})[1].decode().splitlines()
            running = [line for line in lines if "snapshot_creation_running{" in line and not line.endswith(" 0")]

    def delete_all_but(self, kept: set[str]) -> None:
        """Drop collections, as the recording did without a word."""
        answer, _, _ = self._exchange("GET", "/collections", None, {})
        for name in {one["name"] for one in answer.body["result"]["collections"]} - kept:
            self._exchange("DELETE", f"/collections/{quote(name, safe='')}", None, {})

    def _here(self, text: str) -> str:
        """Return a recorded text with this run's names in it."""
        checksum = hashlib.sha256(self.content).hexdigest()
        size = len(self.content)
        for theirs, ours in (
            ("cities-7374469262786114-2026-11-20-22-12-48.snapshot", self.name),
            ("38e925e2c1532bb043cbe807d7c77cfbe6e754158b2a2598b057c74a780b5b6b", checksum),
            ('"fc041:1da00:6b00c5e0:2b1cf57b"', self.etag),
            ("bytes=121334-", f"bytes={size - 10}-"),
            ("bytes=121349-", f"bytes={size + 5}-"),
            ("http://127.0.0.1:6333", self.url),
            ("file:///qdrant/snapshots", f"file://{self.snapshots}"),
        ):
            text = text.replace(theirs, ours)
        return text

    def _body(self, one: Recorded) -> tuple[bytes | None, dict[str, str]]:
        match one.get("body"):
            case None:
                return None, {}
            case "multipart snapshot":
                return self._form(one["note"])
            case str(text):
                return text.encode(), {}
            case document:
                return self._here(json.dumps(document)).encode(), {"content-type": "application/json"}

    def _form(self, note: str) -> tuple[bytes, dict[str, str]]:
        """Return the multipart body of an upload; the note says what was wrong with the file."""
        content = {
            "upload truncated half": self.content[: len(self.content) // 2],
            "upload truncated tail": self.content[:-END_MARKER],
            "upload garbage": b"this is no archive " * 400,
            "upload wait false bad": b"this is no archive " * 400,
            "upload empty": b"",
        }.get(note, self.content)
        name = "other" if note == "upload no field" else "snapshot"
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="up.snapshot"\r\n\r\n'
        form = head.encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()
        return form, {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}


def parsed(path: str, content_type: str | None, raw: bytes) -> object:
    """Return the body as the recording keeps it: JSON, a file's digest, or a short text."""
    if content_type == "application/json" and path != "/telemetry":
        return json.loads(raw)
    if content_type == "application/octet-stream" and len(raw) > 100:
        return {"bytes": len(raw), "sha256": hashlib.sha256(raw).hexdigest()}
    return {"text": raw.decode(errors="replace")}
