"""Taking secrets out of what is said: those of the settings, and those that others keep in variables."""

from __future__ import annotations

import os
import re
from collections.abc import Callable

from restore.settings.model import Settings
from restore.settings.options.table import OPTIONS
from restore.system.secret import MASK, Secret

_SECRET = re.compile(
    r"(SECRET|TOKEN|PASSWORD|CREDENTIAL|(\A|_)KEY|KEY_ID|SAS|CONNECTION_STRING)(S|_[0-9]+)?\Z", re.IGNORECASE
)
_PROXY = re.compile(r"(HTTPS?|ALL)_PROXY\Z", re.IGNORECASE)
# A shorter one of somebody else's may be a word of ours.
_SHORTEST = 16


def make_mask(settings: Settings) -> Callable[[str], str]:
    """Give what takes every secret out of a text, whoever wrote it."""
    own = [settings.value_of(row) for row in OPTIONS if row.secret]
    secrets = [*(one for one in own if isinstance(one, Secret)), *_list_around()]
    # The longest first: one may hold another.
    forms = sorted({form for secret in secrets for form in secret.list_forms()}, key=len, reverse=True)

    def mask(text: str) -> str:
        for form in forms:
            text = text.replace(form, MASK)
        return text

    return mask


def _list_around() -> list[Secret]:
    """Give the secrets in variables that are not ours: nothing says them, and nothing shall by mistake."""
    around = [value for name, value in os.environ.items() if _SECRET.search(name) and len(value) >= _SHORTEST]
    proxies = [
        value.rpartition("@")[0].rpartition("/")[2] for name, value in os.environ.items() if _PROXY.match(name)
    ]
    return [Secret(one) for one in (*around, *proxies, *(user.partition(":")[2] for user in proxies))]
