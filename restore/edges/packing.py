"""Packed snapshots: compressed with zstd, encrypted with age, as the usual tools write and read them.

Both only stream: packing takes blocks and hands them on, unpacking reads forward. Memory is a few blocks.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from restore.edges.checksum import RunningChecksum
from restore.edges.opened import ForwardReader
from restore.edges.package import import_package
from restore.edges.pipe import Pipe
from restore.errors import DecryptionError, IntegrityError, RestoreError, SettingsError
from restore.words.snapshot import AGE_SUFFIX, ZSTD_SUFFIX
from restore.words.store import Incoming, SnapshotReader, StoredSnapshot

if TYPE_CHECKING:
    from collections.abc import Sequence

_BLOCK = 1 << 20
_LEVEL = 3
_MAKE_ANOTHER = "its bytes were changed or cut: take another one with --snapshot, or make a new one"


class Packing(msgspec.Struct, frozen=True, kw_only=True):
    """The bytes that were stored: their size, SHA-256, and how they came about."""

    size: int
    sha256: str
    compression: str
    encryption: str


class Keys:
    """The identities that open encrypted snapshots; read from their file when the first one is met."""

    def __init__(self, identity_file: str) -> None:
        self.identity_file = identity_file
        self._identities: list[Any] = []

    def load(self, file: str) -> list[Any]:
        """Give the identities. Raises `DecryptionError`, naming the snapshot, when there are none."""
        if self._identities:
            return self._identities
        if not self.identity_file:
            raise DecryptionError(
                f"snapshot '{file}' is encrypted (age), and no key is given",
                left="nothing was touched",
                hint="name the file that holds it: --identity-file, RESTORE_IDENTITY_FILE",
            )
        pyrage = import_package("pyrage", "encrypt")
        lines = _read_lines(self.identity_file, "identity")
        try:
            if lines[:1] == ["-----BEGIN OPENSSH PRIVATE KEY-----"]:
                self._identities = [pyrage.ssh.Identity.from_buffer("\n".join([*lines, ""]).encode())]
            else:
                self._identities = [pyrage.x25519.Identity.from_str(line) for line in lines]
        except pyrage.IdentityError as error:
            raise DecryptionError(
                f"identity file '{self.identity_file}' holds something that is no age identity",
                left="nothing was touched",
                hint="'age-keygen -o FILE' makes one; each line begins with AGE-SECRET-KEY-1",
            ) from error
        return self._identities


def load_recipients(path: str) -> list[Any]:
    """Read who may decrypt: one `age1…` or `ssh-ed25519 …` a line. Raises `SettingsError`."""
    pyrage = import_package("pyrage", "encrypt")
    recipients = []
    for line in _read_lines(path, "recipients"):
        kind = pyrage.ssh if line.startswith("ssh-") else pyrage.x25519
        try:
            recipients.append(kind.Recipient.from_str(line))
        except pyrage.RecipientError as error:
            raise SettingsError(
                f"recipients file '{path}': a line is no age recipient ({error})",
                hint="'age-keygen -y IDENTITY-FILE' prints one; each line begins with age1 or ssh-",
            ) from error
    return recipients


class Packer:
    """Packs one snapshot after the other: `begin`, `write`, `finish`; `close` on every way out."""

    def __init__(self, *, compress: bool, recipients: Sequence[Any] = (), threads: int = 2) -> None:
        self._compress = compress
        self._recipients = list(recipients)
        self._threads = threads
        self._sink: _Sink | None = None
        self._compressor: Any = None
        self._encryptor: _Encryptor | None = None
        # Both are asked for here, so that a package that is missing is told before anything is done.
        self._zstandard = import_package("zstandard", "compress") if compress else None

    def another(self) -> Packer:
        """Give a second one that packs the same way, for another thread."""
        return Packer(compress=self._compress, recipients=self._recipients, threads=self._threads)

    @property
    def suffix(self) -> str:
        """Give what a stored file's name ends in."""
        return (ZSTD_SUFFIX if self._compress else "") + (AGE_SUFFIX if self._recipients else "")

    def begin(self, incoming: Incoming) -> None:
        """Pack into this from now on."""
        self.close()
        self._sink = _Sink(incoming)
        self._encryptor = _Encryptor(self._sink, self._recipients) if self._recipients else None
        if self._zstandard:
            compressor = self._zstandard.ZstdCompressor(level=_LEVEL, threads=self._threads, write_checksum=True)
            self._compressor = compressor.compressobj()

    def write(self, block: bytes) -> None:
        """Take the next block. Raises what the store raises."""
        self._hand_on(self._compressor.compress(block) if self._compressor else block)

    def finish(self) -> Packing:
        """Hand on what is left; say what was stored."""
        if self._compressor:
            self._hand_on(self._compressor.flush())
        if self._encryptor:
            self._encryptor.finish()
        if self._sink is None:
            raise AssertionError("nothing was begun")
        return Packing(
            size=self._sink.size,
            sha256=self._sink.checksum.finish(),
            compression="zstd" if self._compress else "",
            encryption="age" if self._recipients else "",
        )

    def close(self) -> None:
        """Let go of the threads; idempotent."""
        if self._encryptor:
            self._encryptor.close()
        if self._sink:
            self._sink.checksum.close()
        self._sink = self._encryptor = self._compressor = None

    def _hand_on(self, block: bytes) -> None:
        if not block:
            return
        if self._encryptor:
            self._encryptor.write(block)
        elif self._sink:
            self._sink.write(block)


class _Sink:
    """Where packed bytes go: counted, hashed, written."""

    def __init__(self, incoming: Incoming) -> None:
        self._incoming = incoming
        self.size = 0
        self.checksum = RunningChecksum()

    def write(self, block: bytes) -> int:
        self.checksum.update(bytes(block))
        self._incoming.write(block)
        self.size += len(block)
        return len(block)

    def flush(self) -> None:
        """Nothing is held back here."""


class _Encryptor:
    """age in a thread of its own: it pulls from a pipe and pushes into the sink."""

    def __init__(self, sink: _Sink, recipients: list[Any]) -> None:
        self._pipe = Pipe()
        self._trouble: BaseException | None = None
        self._sink = sink
        self._thread = threading.Thread(target=self._work, args=(recipients,), name="age", daemon=True)
        self._thread.start()

    def write(self, block: bytes) -> None:
        if not self._pipe.write(block):
            self.finish()

    def finish(self) -> None:
        self._pipe.end()
        self._thread.join()
        if self._trouble:
            raise self._trouble

    def close(self) -> None:
        self._pipe.break_off()
        self._thread.join()

    def _work(self, recipients: list[Any]) -> None:
        pyrage = import_package("pyrage", "encrypt")
        guard = _Guard(self._sink)
        try:
            pyrage.encrypt_io(self._pipe, guard, recipients)
        except (pyrage.EncryptError, OSError) as error:
            self._trouble = guard.trouble or error
        finally:
            self._pipe.break_off()


class _Guard:
    """Hands blocks on, or bytes back, and remembers the error that a foreign library would tell as its own."""

    def __init__(self, behind: Any) -> None:  # noqa: ANN401 - whatever reads or writes
        self._behind = behind
        self.trouble: Exception | None = None

    def write(self, block: bytes) -> int:
        return int(self._remember(lambda: self._behind.write(block)) or len(block))

    def read(self, count: int = -1) -> bytes:
        return bytes(self._remember(lambda: self._behind.read(count)))

    def flush(self) -> None:
        """Nothing is held back here."""

    def _remember(self, work: Callable[[], Any]) -> Any:  # noqa: ANN401 - what `work` gives
        try:
            return work()
        except (RestoreError, OSError) as error:
            self.trouble = error
            raise


def open_packed(
    open_stored: Callable[[], SnapshotReader], stored: StoredSnapshot, size: int, keys: Keys | None
) -> SnapshotReader:
    """Open a packed snapshot's own bytes. `size` is theirs, -1 when nothing says it.

    Raises `DecryptionError` when a key is needed and none is given; a wrong one shows at the first byte.
    """
    identities = (keys or Keys("")).load(stored.file) if stored.packing.endswith(AGE_SUFFIX) else []
    if stored.packing.startswith(ZSTD_SUFFIX):
        import_package("zstandard", "compress")
    return ForwardReader(lambda: _Unpacking(open_stored(), stored, identities), size, name=stored.file)


class _Unpacking:
    """The blocks of a packed snapshot, unpacked in order."""

    def __init__(self, opened: SnapshotReader, stored: StoredSnapshot, identities: list[Any]) -> None:
        self._opened = opened
        self._stored = stored
        self._decryptor = _Decryptor(opened, identities, stored.file) if identities else None
        self._plain: Any = self._decryptor or opened
        if stored.packing.startswith(ZSTD_SUFFIX):
            zstandard = import_package("zstandard", "compress")
            self._errors: tuple[type[Exception], ...] = (zstandard.ZstdError,)
            self._plain = zstandard.ZstdDecompressor().stream_reader(
                self._plain, read_size=_BLOCK, read_across_frames=True, closefd=False
            )
        else:
            self._errors = ()

    def read_block(self) -> bytes:
        try:
            return bytes(self._plain.read(_BLOCK))
        except self._errors as error:
            raise IntegrityError(
                f"snapshot '{self._stored.file}' cannot be decompressed: {error}", hint=_MAKE_ANOTHER
            ) from error

    def close(self) -> None:
        if self._decryptor:
            self._decryptor.close()
        self._opened.close()


class _Decryptor:
    """age in a thread of its own: it pulls from the store and pushes into a pipe, which is read here."""

    def __init__(self, opened: SnapshotReader, identities: list[Any], file: str) -> None:
        self._pipe = Pipe()
        self._file = file
        self._trouble: Exception | None = None
        self._thread = threading.Thread(target=self._work, args=(opened, identities), name="age", daemon=True)
        self._thread.start()

    def read(self, count: int = -1) -> bytes:
        block = self._pipe.read(count)
        if not block:
            self._thread.join()
            if self._trouble:
                raise self._trouble
        return block

    def close(self) -> None:
        self._pipe.break_off()
        self._thread.join()

    def _work(self, opened: SnapshotReader, identities: list[Any]) -> None:
        pyrage = import_package("pyrage", "encrypt")
        guard = _Guard(opened)
        try:
            pyrage.decrypt_io(guard, self._pipe, identities)
        except pyrage.DecryptError as error:
            self._trouble = guard.trouble or _explain_refusal(self._file, str(error))
        except OSError as error:
            self._trouble = guard.trouble or _explain_refusal(self._file, str(error))
        finally:
            self._pipe.end()


def _explain_refusal(file: str, reason: str) -> RestoreError:
    if "No matching keys" in reason:
        return DecryptionError(
            f"snapshot '{file}' is encrypted for another key than the one given",
            left="nothing was touched",
            hint="give the identity that belongs to one of its recipients: --identity-file, RESTORE_IDENTITY_FILE",
        )
    return IntegrityError(f"snapshot '{file}' cannot be decrypted: {reason}", hint=_MAKE_ANOTHER)


def _read_lines(path: str, what: str) -> list[str]:
    reason = "holds none"
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        text, reason = "", f"cannot be read ({getattr(error, 'strerror', None) or 'no text'})"
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if lines:
        return lines
    message = f"{what} file '{path}' {reason}"
    if what == "identity":
        raise DecryptionError(message, left="nothing was touched", hint="'age-keygen -o FILE' makes one")
    raise SettingsError(message, hint="'age-keygen -y IDENTITY-FILE' prints a recipient")
