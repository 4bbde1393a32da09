"""Masking of secrets in all output: those of the settings, and those of other programs in variables."""

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
# A shorter one of another program may be an ordinary word.
_SHORTEST = 16


def make_mask(settings: Settings) -> Callable[[str], str]:
    """Return a function that masks every secret in a text."""
    own = [settings.value_of(option) for option in OPTIONS if option.secret]
    secrets = [*(one for one in own if isinstance(one, Secret)), *_list_around()]
    # The longest first: one may hold another.
    forms = sorted({form for secret in secrets for form in secret.list_forms()}, key=len, reverse=True)

    def mask(text: str) -> str:
        for form in forms:
            text = text.replace(form, MASK)
        return text

    return mask


def _list_around() -> list[Secret]:
    """Return the secrets in variables of other programs: no output contains them on purpose."""
    around = [value for name, value in os.environ.items() if _SECRET.search(name) and len(value) >= _SHORTEST]
    proxies = [
        value.rpartition("@")[0].rpartition("/")[2] for name, value in os.environ.items() if _PROXY.match(name)
    ]
    return [Secret(one) for one in (*around, *proxies, *(user.partition(":")[2] for user in proxies))]
