"""Encryption with age, as the usual tools write and read it: keys, an encryptor, a decryptor."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from restore.errors import DecryptionError, IntegrityError, RestoreError, SettingsError
from restore.snapshots.checksum import HashingWriter
from restore.snapshots.stored import SnapshotReader
from restore.system.optional_package import import_optional

TAKE_ANOTHER = "its bytes were changed or cut: take another one with --snapshot, or make a new one"


class AgeIdentities:
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
        pyrage = import_optional("pyrage", "encrypt")
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
    pyrage = import_optional("pyrage", "encrypt")
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


class AgeEncryptor:
    """age in a thread of its own: it pulls from a pipe and pushes into the sink."""

    def __init__(self, sink: HashingWriter, recipients: list[Any]) -> None:
        self._pipe = Pipe()
        self._trouble: BaseException | None = None
        self._sink = sink
        self._thread = threading.Thread(target=self._work, args=(recipients,), name="age", daemon=True)
        self._thread.start()

    def write(self, block: bytes) -> None:
        """Take the next block. Raises what the sink raises."""
        if not self._pipe.write(block):
            self.finish()

    def finish(self) -> None:
        """Wait until all is encrypted and handed on. Raises what went wrong."""
        self._pipe.end()
        self._thread.join()
        if self._trouble:
            raise self._trouble

    def close(self) -> None:
        """Let go of the thread; idempotent."""
        self._pipe.break_off()
        self._thread.join()

    def _work(self, recipients: list[Any]) -> None:
        pyrage = import_optional("pyrage", "encrypt")
        guard = _ErrorKeeper(self._sink)
        try:
            pyrage.encrypt_io(self._pipe, guard, recipients)
        except (pyrage.EncryptError, OSError) as error:
            self._trouble = guard.trouble or error
        finally:
            self._pipe.break_off()


class _ErrorKeeper:
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


class AgeDecryptor:
    """age in a thread of its own: it pulls from the store and pushes into a pipe, which is read here."""

    def __init__(self, opened: SnapshotReader, identities: list[Any], file: str) -> None:
        self._pipe = Pipe()
        self._file = file
        self._trouble: Exception | None = None
        self._thread = threading.Thread(target=self._work, args=(opened, identities), name="age", daemon=True)
        self._thread.start()

    def read(self, count: int = -1) -> bytes:
        """Return the next bytes, empty at the end. Raises what went wrong."""
        block = self._pipe.read(count)
        if not block:
            self._thread.join()
            if self._trouble:
                raise self._trouble
        return block

    def close(self) -> None:
        """Let go of the thread; idempotent."""
        self._pipe.break_off()
        self._thread.join()

    def _work(self, opened: SnapshotReader, identities: list[Any]) -> None:
        pyrage = import_optional("pyrage", "encrypt")
        guard = _ErrorKeeper(opened)
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
    return IntegrityError(f"snapshot '{file}' cannot be decrypted: {reason}", hint=TAKE_ANOTHER)


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


_MOST_BYTES = 2 << 20


class Pipe:
    """One thread writes and ends, another reads. Who is faster waits. Broken off, both go on at once."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most = most_bytes
        self._own_marker = bytearray()
        self._changed = threading.Condition()
        self._ended = False
        self._broken = False

    def write(self, block: bytes | memoryview) -> int:
        """Append a block; waits while too much is held. 0 once it was broken off: nobody reads any more."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._own_marker) < self._most or self._broken)
            if self._broken:
                return 0
            self._own_marker += block
            self._changed.notify_all()
            return len(block)

    def read(self, count: int = -1) -> bytes:
        """Give at most so many bytes, waiting for the first; empty at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._own_marker or self._ended or self._broken)
            if count < 0 or count >= len(self._own_marker):
                block = bytes(self._own_marker)
                self._own_marker.clear()
            else:
                block = bytes(memoryview(self._own_marker)[:count])
                del self._own_marker[:count]
            self._changed.notify_all()
            return block

    def flush(self) -> None:
        """Nothing is held back from the reader."""

    def end(self) -> None:
        """Say that no more bytes come; idempotent."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def break_off(self) -> None:
        """Let both sides go on: what is held is dropped, the reader is at its end, writing gives 0."""
        with self._changed:
            self._broken = self._ended = True
            self._own_marker.clear()
            self._changed.notify_all()
