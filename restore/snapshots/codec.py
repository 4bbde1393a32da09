"""Encoded snapshots: compressed with zstd, encrypted with age.

Both are streams: encoding takes blocks and writes them on, decoding reads forward. Memory is a few blocks.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from restore.errors import DecryptionError, IntegrityError
from restore.snapshots.age import TAKE_ANOTHER, AgeDecryptor, AgeEncryptor, AgeIdentities
from restore.snapshots.checksum import HashingWriter, hash_stream
from restore.snapshots.manifest import Manifest
from restore.snapshots.name import AGE_SUFFIX, ZSTD_SUFFIX
from restore.snapshots.readers import BufferedStreamReader
from restore.snapshots.stored import IncomingSnapshot, SnapshotReader, StoredSnapshot
from restore.system.optional_package import import_optional

if TYPE_CHECKING:
    from collections.abc import Sequence


_BLOCK = 1 << 20
_LEVEL = 3


class EncodedSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The stored bytes of an encoded snapshot: size, SHA-256, compression and encryption."""

    size: int
    sha256: str
    compression: str
    encryption: str


class Encoder:
    """Encodes one snapshot after the other: `begin`, `write`, `finish`; `close` on every way out."""

    def __init__(self, *, compress: bool, recipients: Sequence[Any] = (), threads: int = 2) -> None:
        self._compress = compress
        self._recipients = list(recipients)
        self._threads = threads
        self._sink: HashingWriter | None = None
        self._compressor: Any = None
        self._encryptor: AgeEncryptor | None = None
        # Imported here, so that a missing package is an error before any work begins.
        self._zstandard = import_optional("zstandard", "compress") if compress else None

    def clone(self) -> Encoder:
        """Return an encoder with the same settings, for another thread."""
        return Encoder(compress=self._compress, recipients=self._recipients, threads=self._threads)

    @property
    def suffix(self) -> str:
        """Return what the stored file's name ends in."""
        return (ZSTD_SUFFIX if self._compress else "") + (AGE_SUFFIX if self._recipients else "")

    def begin(self, incoming: IncomingSnapshot) -> None:
        """Encode into `incoming` from now on."""
        self.close()
        self._sink = HashingWriter(incoming)
        self._encryptor = AgeEncryptor(self._sink, self._recipients) if self._recipients else None
        if self._zstandard:
            compressor = self._zstandard.ZstdCompressor(level=_LEVEL, threads=self._threads, write_checksum=True)
            self._compressor = compressor.compressobj()

    def write(self, block: bytes) -> None:
        """Encode the next block. Raise what the store raises."""
        self._pass_on(self._compressor.compress(block) if self._compressor else block)

    def finish(self) -> EncodedSnapshot:
        """Write the rest; return what was stored."""
        if self._compressor:
            self._pass_on(self._compressor.flush())
        if self._encryptor:
            self._encryptor.finish()
        if self._sink is None:
            raise AssertionError("nothing was begun")
        return EncodedSnapshot(
            size=self._sink.size,
            sha256=self._sink.checksum.finish(),
            compression="zstd" if self._compress else "",
            encryption="age" if self._recipients else "",
        )

    def close(self) -> None:
        """End the threads; idempotent."""
        if self._encryptor:
            self._encryptor.close()
        if self._sink:
            self._sink.checksum.close()
        self._sink = self._encryptor = self._compressor = None

    def _pass_on(self, block: bytes) -> None:
        if not block:
            return
        if self._encryptor:
            self._encryptor.write(block)
        elif self._sink:
            self._sink.write(block)


def open_encoded(
    open_stored: Callable[[], SnapshotReader],
    stored: StoredSnapshot,
    manifest: Manifest | None,
    keys: AgeIdentities | None,
) -> SnapshotReader:
    """Open an encoded snapshot's decoded bytes. Without a manifest their number is not known.

    Raise `DecryptionError` when a key is needed and none is given. A wrong key is an error of the first read.
    """
    identities = (keys or AgeIdentities("")).load(stored.file) if stored.encoding.endswith(AGE_SUFFIX) else []
    if stored.encoding.startswith(ZSTD_SUFFIX):
        import_optional("zstandard", "compress")
    promised = (manifest.stored_sha256 if manifest else None) or ""

    def find_damage() -> IntegrityError | None:
        """Return the error for other stored bytes than promised: a changed header reads as another key's."""
        if not promised:
            return None
        with contextlib.closing(open_stored()) as opened:
            found = hash_stream(opened, name=stored.path)[0]
        if found == promised:
            return None
        return IntegrityError(
            f"snapshot '{stored.file}' has checksum {found}, it should be {promised}", hint=TAKE_ANOTHER
        )

    size = manifest.size if manifest else -1
    return BufferedStreamReader(
        lambda: _Decoder(open_stored(), stored, identities, find_damage), size, name=stored.file
    )


class _Decoder:
    """The blocks of an encoded snapshot, decoded in order."""

    def __init__(
        self,
        opened: SnapshotReader,
        stored: StoredSnapshot,
        identities: list[Any],
        find_damage: Callable[[], IntegrityError | None],
    ) -> None:
        self._opened = opened
        self._find_damage = find_damage
        self._stored = stored
        self._decryptor = AgeDecryptor(opened, identities, stored.file) if identities else None
        self._plain: Any = self._decryptor or opened
        if stored.encoding.startswith(ZSTD_SUFFIX):
            zstandard = import_optional("zstandard", "compress")
            self._errors: tuple[type[Exception], ...] = (zstandard.ZstdError,)
            self._plain = zstandard.ZstdDecompressor().stream_reader(
                self._plain, read_size=_BLOCK, read_across_frames=True, closefd=False
            )
        else:
            self._errors = ()

    def read_block(self) -> bytes:
        try:
            return bytes(self._plain.read(_BLOCK))
        except DecryptionError as error:
            if damage := self._find_damage():
                raise damage from error
            raise
        except self._errors as error:
            raise IntegrityError(
                f"snapshot '{self._stored.file}' cannot be decompressed: {error}", hint=TAKE_ANOTHER
            ) from error

    def close(self) -> None:
        if self._decryptor:
            self._decryptor.close()
        self._opened.close()
