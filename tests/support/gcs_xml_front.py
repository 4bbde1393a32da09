"""Google's XML API before fake-gcs-server, which has only the JSON one; obstore speaks XML, as the real thing does.

Every object lies in fake-gcs-server; this translates requests and answers, and holds the parts of unfinished uploads.
"""

from __future__ import annotations

import http.client
import itertools
import json
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType, TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape

_RFC1123 = "%a, %d %b %Y %H:%M:%S GMT"

OCTETS = {"Content-Type": "application/octet-stream"}
NOTHING: Mapping[str, str] = MappingProxyType({})


class GcsFront:
    """The XML API at `url`, translated for the fake-gcs-server at `upstream`."""

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream)
        self.upstream = (parts.hostname or "", parts.port or 80)
        self.uploads: dict[str, dict[int, bytes]] = {}
        self.numbers = itertools.count(1)
        front = self

        class Translating(_Translating):
            """Requests to this front."""

            owner = front

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Translating)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def ask(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] = NOTHING
    ) -> tuple[int, bytes]:
        """Ask fake-gcs-server."""
        connection = http.client.HTTPConnection(*self.upstream, timeout=30)
        try:
            connection.request(method, path, body or None, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


class _Translating(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner: GcsFront

    def log_message(self, *_: Any) -> None:  # noqa: ANN401 - the standard library's signature
        """Log nothing."""

    def _split(self) -> tuple[str, str, dict[str, str]]:
        parts = urlsplit(self.path)
        bucket, _, name = parts.path.lstrip("/").partition("/")
        query = {key: found[0] for key, found in parse_qs(parts.query, keep_blank_values=True).items()}
        return unquote(bucket), unquote(name), query

    def _read(self) -> bytes:
        return self.rfile.read(int(self.headers.get("content-length") or 0))

    def _answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _refuse(self, status: int, code: str, message: str) -> None:
        text = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
        self._answer(status, text.encode(), {"Content-Type": "application/xml"})

    def _find(self, bucket: str, name: str) -> dict[str, Any] | None:
        status, body = self.owner.ask("GET", f"/storage/v1/b/{bucket}/o/{quote(name, safe='')}")
        return dict(json.loads(body)) if status == 200 else None

    def _refuse_missing(self, bucket: str) -> None:
        status, _ = self.owner.ask("GET", f"/storage/v1/b/{bucket}")
        if status == 200:
            return self._refuse(404, "NoSuchKey", "The specified key does not exist.")
        return self._refuse(404, "NoSuchBucket", "The specified bucket does not exist.")

    def do_PUT(self) -> None:
        bucket, name, query = self._split()
        content = self._read()
        if "uploadId" in query:
            self.owner.uploads[query["uploadId"]][int(query["partNumber"])] = content
            return self._answer(200, headers={"ETag": f'"{query["partNumber"]}"'})
        return self._insert(bucket, name, content)

    def _insert(self, bucket: str, name: str, content: bytes) -> None:
        path = f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name={quote(name, safe='')}"
        if condition := self.headers.get("x-goog-if-generation-match"):
            path += f"&ifGenerationMatch={condition}"
        status, body = self.owner.ask("POST", path, content, OCTETS)
        if status == 412:
            return self._refuse(412, "PreconditionFailed", "At least one of the pre-conditions did not hold.")
        if status != 200:
            return self._refuse_missing(bucket)
        return self._answer(200, headers=_describe(json.loads(body)))

    def do_POST(self) -> None:
        bucket, name, query = self._split()
        body = self._read()
        if "uploads" in query:
            upload = str(next(self.owner.numbers))
            self.owner.uploads[upload] = {}
            text = f"<InitiateMultipartUploadResult><UploadId>{upload}</UploadId></InitiateMultipartUploadResult>"
            return self._answer(200, text.encode())
        parts = self.owner.uploads.pop(query["uploadId"])
        content = b"".join(parts[number] for number in sorted(parts))
        path = f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name={quote(name, safe='')}"
        status, body = self.owner.ask("POST", path, content, OCTETS)
        if status != 200:
            return self._refuse_missing(bucket)
        found = _describe(json.loads(body))
        text = f"<CompleteMultipartUploadResult><ETag>{found['ETag']}</ETag></CompleteMultipartUploadResult>"
        return self._answer(200, text.encode(), {"x-goog-generation": found["x-goog-generation"]})

    def do_DELETE(self) -> None:
        bucket, name, query = self._split()
        if "uploadId" in query:
            self.owner.uploads.pop(query["uploadId"], None)
            return self._answer(204)
        status, _ = self.owner.ask("DELETE", f"/storage/v1/b/{bucket}/o/{quote(name, safe='')}")
        return self._answer(204) if status in {200, 204} else self._refuse_missing(bucket)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        bucket, name, query = self._split()
        if not name:
            return self._list(bucket, query)
        found = self._find(bucket, name)
        if found is None:
            return self._refuse_missing(bucket)
        headers = _describe(found)
        if (wanted := self.headers.get("if-match")) and wanted != headers["ETag"]:
            return self._refuse(412, "PreconditionFailed", "At least one of the pre-conditions did not hold.")
        if self.command == "HEAD":
            return self._answer(200, headers={**headers, "Content-Length": found["size"]})
        given = {"Range": self.headers["range"]} if "range" in self.headers else {}
        _, body = self.owner.ask("GET", f"/storage/v1/b/{bucket}/o/{quote(name, safe='')}?alt=media", headers=given)
        if not given:
            return self._answer(200, body, headers)
        begin = int(self.headers["range"].removeprefix("bytes=").partition("-")[0])
        headers["Content-Range"] = f"bytes {begin}-{begin + len(body) - 1}/{found['size']}"
        return self._answer(206, body, headers)

    def _list(self, bucket: str, query: dict[str, str]) -> None:
        wanted = {key: query[key] for key in ("prefix", "delimiter") if query.get(key)}
        path = f"/storage/v1/b/{bucket}/o?" + "&".join(f"{key}={quote(one, safe='')}" for key, one in wanted.items())
        status, body = self.owner.ask("GET", path)
        if status != 200:
            return self._refuse_missing(bucket)
        found = json.loads(body)
        objects = "".join(
            f"<Contents><Key>{escape(one['name'])}</Key><Size>{one['size']}</Size>"
            f"<LastModified>{one['updated']}</LastModified><ETag>{escape(_describe(one)['ETag'])}</ETag></Contents>"
            for one in found.get("items") or []
        )
        prefixes = "".join(
            f"<CommonPrefixes><Prefix>{escape(one)}</Prefix></CommonPrefixes>" for one in found.get("prefixes") or []
        )
        text = f"<ListBucketResult>{objects}{prefixes}<IsTruncated>false</IsTruncated></ListBucketResult>"
        return self._answer(200, text.encode(), {"Content-Type": "application/xml"})


def _describe(found: dict[str, Any]) -> dict[str, str]:
    """Return the headers of an object, as the XML API has them."""
    from datetime import datetime

    modified = datetime.fromisoformat(found["updated"])
    return {
        "ETag": f'"{found["md5Hash"]}-{found["generation"]}"',
        "x-goog-generation": str(found["generation"]),
        "Last-Modified": modified.strftime(_RFC1123),
    }
