"""The proxy between us and a server, as the variables that other programs know name it."""

from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

import msgspec

from restore.errors import SettingsError
from restore.qdrant.url import redact_url

_LOOPBACK = ("localhost", "::1")
_PROXY_PORT = 80


class Proxy(msgspec.Struct, frozen=True, kw_only=True):
    """An HTTP proxy. `name` is its variable and its URL without a password; `headers` authorize us to it."""

    name: str
    host: str
    port: int
    headers: dict[str, str]


def find_proxy(url: str, environment: Mapping[str, str]) -> Proxy | None:
    """Return the proxy for a server's URL; None where there is none, or `NO_PROXY` names the host.

    A name in lower case comes before the same in capitals. Loopback never has a proxy. Raise `SettingsError` for a
    proxy of another kind.
    """
    target = urlsplit(url)
    host = (target.hostname or "").lower()
    names = [name for kind in (target.scheme, "all") for name in (f"{kind}_proxy", f"{kind}_proxy".upper())]
    variable = next((name for name in names if environment.get(name, "").strip()), "")
    if not variable or host in _LOOPBACK or host.startswith("127."):
        return None
    past = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    if any(_is_named(entry.strip().lower(), host, target.port) for entry in past.split(",")):
        return None
    return _parse_proxy(variable, environment[variable].strip())


def _is_named(entry: str, host: str, port: int | None) -> bool:
    """Return whether an entry of `NO_PROXY` is this host, a domain that it is in, or a network that it is in."""
    name, _, number = entry.rpartition(":")
    if name and number.isdecimal() and ":" not in name:
        return port == int(number) and _is_named(name, host, port)
    if "/" in entry:
        import ipaddress  # noqa: PLC0415 - boot: 3 ms

        try:
            return ipaddress.ip_address(host) in ipaddress.ip_network(entry, strict=False)
        except ValueError:
            return False
    name = entry.removeprefix("*").removeprefix(".").strip("[]")
    return entry == "*" or (name != "" and (host == name or host.endswith(f".{name}")))


def _parse_proxy(variable: str, text: str) -> Proxy:
    text = text if "://" in text else f"http://{text}"
    shown = redact_url(text).rstrip("/")
    try:
        parts = urlsplit(text)
        port = parts.port or _PROXY_PORT
    except ValueError:
        parts, port = urlsplit(""), 0
    if parts.scheme != "http" or not parts.hostname:
        raise SettingsError(
            f"{variable}: '{shown}' is no HTTP proxy",
            hint="give http://HOST:PORT or http://USER:PASSWORD@HOST:PORT; NO_PROXY names hosts that need no proxy",
        )
    headers = {}
    if parts.username is not None:
        import base64  # noqa: PLC0415 - boot: 1 ms

        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
        headers = {"Proxy-Authorization": f"Basic {base64.b64encode(pair).decode()}"}
    return Proxy(name=f"{variable}={shown}", host=parts.hostname, port=port, headers=headers)
