"""What is wrong with a file of keys is said so that a person finds the line, or the key."""

from pathlib import Path

import pyrage
import pytest

from restore.errors import DecryptionError, SettingsError
from restore.snapshots.age import AgeIdentities, load_recipients

# Made for this test by ssh-keygen; its passphrase is "secret", and it opens nothing.
PROTECTED = """\
-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABBZXHixye
u+LEzpC9jGn5t7AAAAEAAAAAEAAAAzAAAAC3NzaC1lZDI1NTE5AAAAIKLlgNEmKUlBoMmK
BJMcgY4J95hao+VTVX9cBm9fiw24AAAAkLmwPh4nqH73SRdnkkchopzDr+mMNV4xVRkCNn
00OqdzosX4+4LEO2u0tz1+XSGI+RgpcwPY07oPWBGkAsEoXJj/xinkcgbAqrbkhNNC2vo1
l9fI8BUuXuLNyGvUyqfqeghftpinyQQLK8OX/hHH/O6hWD0058I0pYCuALJITNC1KiLjbQ
dflGTJisuCCoY5EA==
-----END OPENSSH PRIVATE KEY-----
"""


def test_a_protected_ssh_key_is_named_as_that(tmp_path: Path) -> None:
    """It is a right identity, and no unattended run can use it."""
    (tmp_path / "key").write_text(PROTECTED)
    with pytest.raises(DecryptionError, match=r"holds an SSH key that is protected by a passphrase; nothing was"):
        AgeIdentities(str(tmp_path / "key")).load("x.snapshot.age")


def test_a_bad_recipient_has_its_line_number(tmp_path: Path) -> None:
    """Counted as an editor does: comments and empty lines too."""
    good = pyrage.x25519.Identity.generate().to_public()
    (tmp_path / "recipients").write_text(f"# ours\n\n{good}\nage1nothing\n")
    with pytest.raises(SettingsError, match=r"recipients': line 4 is no age recipient \("):
        load_recipients(str(tmp_path / "recipients"))
