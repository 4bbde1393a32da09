"""Encryption with age, in the format of the usual tools: identities, an encryptor, a decryptor."""

import threading
from collections.abc import Callable
from typing import Any

from restore.errors import DecryptionError, IntegrityError, RestoreError, SettingsError
from restore.snapshots.checksum import HashingWriter
from restore.snapshots.stored import SnapshotReader
from restore.system.files import read_named_file
from restore.system.optional_package import import_optional

TAKE_ANOTHER = "its bytes were changed or cut: take another one with --snapshot, or make a new one"


class AgeIdentities:
    """The identities that decrypt snapshots, read from their file when the first encrypted one is opened."""

    def __init__(self, identity_file: str) -> None:
        self.identity_file = identity_file
        self._identities: list[Any] = []

    def load(self, file: str) -> list[Any]:
        """Return the identities. Raise `DecryptionError`, naming the snapshot `file`, when there are none."""
        if self._identities:
            return self._identities
        if not self.identity_file:
            raise DecryptionError(
                f"snapshot '{file}' is encrypted (age), and no key is given",
                left="nothing was touched",
                hint="name the file that holds it: --identity-file, RESTORE_IDENTITY_FILE",
            )
        pyrage = import_optional("pyrage", "encrypt")
        lines = [line for _, line in _read_lines(self.identity_file, "identity")]
        try:
            if lines[:1] == ["-----BEGIN OPENSSH PRIVATE KEY-----"]:
                self._identities = [pyrage.ssh.Identity.from_buffer("\n".join([*lines, ""]).encode())]
            else:
                self._identities = [pyrage.x25519.Identity.from_str(line) for line in lines]
        except pyrage.IdentityError as error:
            if "must be decrypted" in str(error):
                raise DecryptionError(
                    f"identity file '{self.identity_file}' holds an SSH key that is protected by a passphrase",
                    left="nothing was touched",
                    hint="a restore cannot ask for it: make a copy without one (ssh-keygen -p -N '' -f COPY)",
                ) from error
            raise DecryptionError(
                f"identity file '{self.identity_file}' holds something that is no age identity",
                left="nothing was touched",
                hint="'age-keygen -o FILE' makes one; each line begins with AGE-SECRET-KEY-1",
            ) from error
        return self._identities


def load_recipients(path: str) -> list[Any]:
    """Return the recipients of a file: one `age1…` or `ssh-ed25519 …` a line. Raise `SettingsError`."""
    pyrage = import_optional("pyrage", "encrypt")
    recipients = []
    for number, line in _read_lines(path, "recipients"):
        kind = pyrage.ssh if line.startswith("ssh-") else pyrage.x25519
        try:
            recipients.append(kind.Recipient.from_str(line))
        except pyrage.RecipientError as error:
            raise SettingsError(
                f"recipients file '{path}': line {number} is no age recipient ({error})",
                hint="'age-keygen -y IDENTITY-FILE' prints one; each line begins with age1 or ssh-",
            ) from error
    return recipients


class AgeEncryptor:
    """age in a thread of its own, which reads from a pipe and writes into the sink."""

    def __init__(self, sink: HashingWriter, recipients: list[Any]) -> None:
        self._pipe = Pipe()
        self._error: BaseException | None = None
        self._sink = sink
        self._thread = threading.Thread(target=self._work, args=(recipients,), name="age", daemon=True)
        self._thread.start()

    def write(self, block: bytes) -> None:
        """Encrypt the next block. Raise what the sink raises."""
        if not self._pipe.write(block):
            self.finish()

    def finish(self) -> None:
        """Wait until all is encrypted and written. Raise the error of the thread."""
        self._pipe.end()
        self._thread.join()
        if self._error:
            raise self._error

    def close(self) -> None:
        """End the thread; idempotent."""
        self._pipe.break_off()
        self._thread.join()

    def _work(self, recipients: list[Any]) -> None:
        pyrage = import_optional("pyrage", "encrypt")
        guard = _ErrorKeeper(self._sink)
        try:
            pyrage.encrypt_io(self._pipe, guard, recipients)
        except (pyrage.EncryptError, OSError) as error:
            self._error = guard.error or error
        finally:
            self._pipe.break_off()


class _ErrorKeeper:
    """Passes reads and writes through, and keeps the error that the library would replace by its own."""

    def __init__(self, behind: Any) -> None:  # noqa: ANN401 - whatever reads or writes
        self._behind = behind
        self.error: Exception | None = None

    def write(self, block: bytes) -> int:
        return int(self._remember(lambda: self._behind.write(block)) or len(block))

    def read(self, count: int = -1) -> bytes:
        return bytes(self._remember(lambda: self._behind.read(count)))

    def flush(self) -> None:
        """Do nothing: nothing is buffered."""

    def _remember(self, work: Callable[[], Any]) -> Any:  # noqa: ANN401 - what `work` returns
        try:
            return work()
        except (RestoreError, OSError) as error:
            self.error = error
            raise


class AgeDecryptor:
    """age in a thread of its own, which reads from the store and writes into a pipe that `read` reads."""

    def __init__(self, opened: SnapshotReader, identities: list[Any], file: str) -> None:
        self._pipe = Pipe()
        self._file = file
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._work, args=(opened, identities), name="age", daemon=True)
        self._thread.start()

    def read(self, count: int = -1) -> bytes:
        """Return the next bytes, empty at the end. Raise the error of the thread."""
        block = self._pipe.read(count)
        if not block:
            self._thread.join()
            if self._error:
                raise self._error
        return block

    def close(self) -> None:
        """End the thread; idempotent."""
        self._pipe.break_off()
        self._thread.join()

    def _work(self, opened: SnapshotReader, identities: list[Any]) -> None:
        pyrage = import_optional("pyrage", "encrypt")
        guard = _ErrorKeeper(opened)
        try:
            pyrage.decrypt_io(guard, self._pipe, identities)
        except (pyrage.DecryptError, OSError) as error:
            self._error = guard.error or _decryption_error(self._file, str(error))
        finally:
            self._pipe.end()


def _decryption_error(file: str, reason: str) -> RestoreError:
    if "No matching keys" in reason:
        return DecryptionError(
            f"snapshot '{file}' is encrypted for another key than the one given",
            left="nothing was touched",
            hint="give the identity that belongs to one of its recipients: --identity-file, RESTORE_IDENTITY_FILE",
        )
    return IntegrityError(f"snapshot '{file}' cannot be decrypted: {reason}", hint=TAKE_ANOTHER)


def _read_lines(path: str, what: str) -> list[tuple[int, str]]:
    """Return the lines that are neither empty nor a comment, with their numbers. Raise an error without any."""
    reason = "holds none"
    try:
        text = read_named_file(path).decode()
    except UnicodeDecodeError:
        text, reason = "", "cannot be read (no text)"
    except (OSError, ValueError) as error:
        text, reason = "", f"cannot be read ({getattr(error, 'strerror', None) or error})"
    numbered = enumerate(text.splitlines(), start=1)
    lines = [(number, line.strip()) for number, line in numbered if line.strip() and not line.startswith("#")]
    if lines:
        return lines
    message = f"{what} file '{path}' {reason}"
    if what == "identity":
        raise DecryptionError(message, left="nothing was touched", hint="'age-keygen -o FILE' makes one")
    raise SettingsError(message, hint="'age-keygen -y IDENTITY-FILE' prints a recipient")


_PIPE_BYTES = 2 << 20


class Pipe:
    """A buffer of at most so many bytes between a thread that writes and one that reads; the faster one waits."""

    def __init__(self, most_bytes: int = _PIPE_BYTES) -> None:
        self._most = most_bytes
        self._buffer = bytearray()
        self._changed = threading.Condition()
        self._ended = False
        self._broken = False

    def write(self, block: bytes | memoryview) -> int:
        """Append a block, waiting for room; return its length, 0 after `break_off`."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._buffer) < self._most or self._broken)
            if self._broken:
                return 0
            self._buffer += block
            self._changed.notify_all()
            return len(block)

    def read(self, count: int = -1) -> bytes:
        """Return at most `count` bytes, waiting for the first; empty at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._buffer or self._ended or self._broken)
            if count < 0 or count >= len(self._buffer):
                block = bytes(self._buffer)
                self._buffer.clear()
            else:
                block = bytes(memoryview(self._buffer)[:count])
                del self._buffer[:count]
            self._changed.notify_all()
            return block

    def flush(self) -> None:
        """Do nothing: the reader gets every byte at once."""

    def end(self) -> None:
        """Mark the end of the bytes; idempotent."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def break_off(self) -> None:
        """Drop the buffer and wake both threads: reading returns nothing, writing returns 0."""
        with self._changed:
            self._broken = self._ended = True
            self._buffer.clear()
            self._changed.notify_all()
