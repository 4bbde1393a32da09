"""Qdrant's HTTP API of snapshots: create, list, delete, download, upload, recover."""

import contextlib
import http.client
import time
from collections.abc import Callable, Iterator
from urllib.parse import quote

import msgspec

from restore.errors import QdrantError
from restore.qdrant.model import SnapshotDescription
from restore.qdrant.transport.exchange import READ_SECONDS, PendingResponse, Request, Response
from restore.qdrant.transport.network_errors import describe_network_error
from restore.qdrant.transport.requests import NOT_FOUND, OK, Requests, make_path, make_request
from restore.qdrant.transport.responses import read_description, read_whole_size
from restore.qdrant.transport.streaming import MultipartFile
from restore.snapshots.stored import SnapshotReader
from restore.system.secret import Secret

_POLL_SECONDS = 0.005
_PARTIAL = 206
_TOO_LARGE = 413
_UNSATISFIABLE = frozenset({412, 416})


class Download(msgspec.Struct, frozen=True):
    """A running download. `whole_size` is the file's size, `etag` identifies this very file for `If-Match`."""

    whole_size: int
    etag: str
    response: http.client.HTTPResponse
    check_stop: Callable[[], None]

    def read(self, most_bytes: int) -> bytes:
        """Return the next bytes; empty at the end, and where the stream was cut: compare with `whole_size`.

        Raise what reading raises, and `Interrupted` when the thread is asked to end.
        """
        try:
            return self.response.read1(most_bytes)
        finally:
            # A shut connection ends as a cut one does.
            self.check_stop()


class SnapshotApi(Requests):
    """The snapshots of one server's collections."""

    def list_snapshots(self, collection: str) -> list[SnapshotDescription]:
        """Return a collection's snapshots on the server, uploaded files included, in no order."""
        return self._read_result(
            "GET", make_path(collection, "snapshots"), lambda result: [read_description(entry) for entry in result]
        )

    def create_snapshot(self, collection: str) -> PendingResponse:
        """Ask the server to create a snapshot. Read the response with `read_created`."""
        request = Request(method="POST", path=make_path(collection, "snapshots"), query={"wait": "true"})
        return self._connection.send(request)

    def read_created(self, collection: str, response: Response) -> SnapshotDescription:
        """Return what the response to `create_snapshot` describes. Raise what the server refused it for."""
        self._require_success(response, subject=f"collection '{collection}'")
        return self._parse_result(response, "a snapshot's creation", read_description)

    def delete_snapshot(self, collection: str, name: str, *, seconds: float = 60.0) -> bool:
        """Delete a snapshot on the server. False if there was none of this name. Idempotent.

        Return when the server answers, or no longer lists it: the name goes at once, and freeing a gigabyte of the
        disk may take another second (1.1 s on ext4), for which there is no need to wait.
        """
        path = make_path(collection, f"snapshots/{quote(name, safe='')}")
        asked = f"DELETE {path}"
        end = time.monotonic() + seconds
        with contextlib.closing(self._connection.send(Request(method="DELETE", path=path, seconds=seconds))) as sent:
            while (response := self._poll(sent, asked)) is None:
                if not self._lists_snapshot(collection, name):
                    return True
                if time.monotonic() > end:
                    raise QdrantError(f"Qdrant at {self.url} did not answer to {asked} within {seconds:g} s")
        self._require_success(response, asked=asked, accept=frozenset({NOT_FOUND}))
        return response.status != NOT_FOUND

    def _poll(self, sent: PendingResponse, asked: str) -> Response | None:
        try:
            return sent.poll(_POLL_SECONDS)
        except OSError as error:
            words = describe_network_error(error)
            raise QdrantError(f"Qdrant at {self.url} gave no answer to {asked}: {words}") from error

    def _lists_snapshot(self, collection: str, name: str) -> bool:
        try:
            return any(found.name == name for found in self.list_snapshots(collection))
        except QdrantError:
            # Unknown: the response to the deletion says it.
            return True

    @contextlib.contextmanager
    def download_snapshot(
        self, collection: str, name: str, *, offset: int = 0, etag: str = "", silence_seconds: float = READ_SECONDS
    ) -> Iterator[Download | None]:
        """Open a download, from `offset` on when `etag` is given. Yield None when that file is not there any more.

        The bytes are those of the server's file: compression is declined.
        """
        headers = {"Range": f"bytes={offset}-", "If-Match": etag} if etag else {}
        path = make_path(collection, f"snapshots/{quote(name, safe='')}")
        request = Request(method="GET", path=path, headers=headers)
        response = self._connection.receive(request, silence_seconds=silence_seconds)
        with contextlib.closing(response):
            if response.status == NOT_FOUND or response.status in _UNSATISFIABLE:
                yield None
                return
            if response.status not in {OK, _PARTIAL} or (etag and response.status != _PARTIAL):
                body = response.read(1 << 16)
                names = {key.lower(): value for key, value in response.headers.items()}
                self._require_success(Response(response.status, names, body), subject=f"snapshot '{name}'")
                raise QdrantError(f"snapshot '{name}': the server ignored Range and sent it from its start")
            yield Download(
                read_whole_size(response), response.headers.get("etag") or "", response, self._connection.check_stop
            )

    def upload_snapshot(
        self,
        collection: str,
        file: SnapshotReader,
        *,
        size: int,
        file_name: str,
        checksum: str,
        on_sent: Callable[[int], None],
        stall_seconds: float,
    ) -> PendingResponse:
        """Stream a snapshot to the server, which recovers it. Read the response with `read_recovered`.

        The server keeps the file under `file_name`, after success and after failure.
        """
        boundary = "qdrant-restore-3f9a1c27d6e84b05"
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="snapshot"; filename="{file_name}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        )
        part = MultipartFile(head.encode(), file, size, f"\r\n--{boundary}--\r\n".encode())
        request = Request(
            method="POST",
            path=make_path(collection, "snapshots/upload"),
            query={"wait": "true", "priority": "snapshot", "checksum": checksum},
            headers={"Content-Type": f"multipart/form-data; boundary={boundary}"},
        )
        return self._connection.send_file(request, part, on_sent=on_sent, stall_seconds=stall_seconds)

    def recover_snapshot(self, collection: str, *, path: str, checksum: str) -> PendingResponse:
        """Let the server recover from a file that it can see. Read the response with `read_recovered`.

        Raw spaces, `#` and `?` in a `file://` location name other files, so the path is percent-encoded here.
        """
        return self._recover(collection, "file://" + quote(path), checksum)

    def recover_from_url(self, collection: str, *, url: Secret, checksum: str) -> PendingResponse:
        """Let the server recover from what it reads at a URL. Read the response with `read_recovered`.

        The response is 403 since 1.18.0 where URL recovery is switched off. The server repeats the URL in its errors;
        its query is masked there.
        """
        return self._recover(collection, url.reveal(), checksum, hides_queries=True)

    def _recover(
        self, collection: str, location: str, checksum: str, *, hides_queries: bool = False
    ) -> PendingResponse:
        body = {"location": location, "priority": "snapshot", "checksum": checksum}
        path = make_path(collection, "snapshots/recover")
        request = make_request("PUT", path, json=body, query={"wait": "true"})
        return self._connection.send(msgspec.structs.replace(request, hides_queries=hides_queries))

    def read_recovered(self, collection: str, response: Response) -> None:
        """Read the response to an upload or a recover. Raise what the server refused it for."""
        if response.status == _TOO_LARGE:
            raise QdrantError(
                f"collection '{collection}': a proxy before Qdrant answered 413, the snapshot is too large for it",
                hint="raise its limit (nginx: client_max_body_size 0), or give the server's own address",
                http_status=response.status,
            )
        self._require_success(response, subject=f"collection '{collection}'")
