"""Qdrant's address in parts, as hand-written scripts and other programs have it: a host, a port, TLS or not."""

from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

from restore.qdrant.url import redact_url
from restore.settings.options.table import OPTIONS_BY_NAME
from restore.settings.parsers import find_text_problem, parse_switch
from restore.settings.sources import Origin, Resolved, SourcePriority, read_text

ADDRESS_VARIABLES = ("QDRANT_HOST", "QDRANT_PORT", "QDRANT_USE_HTTPS")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_HOST = "localhost"
_PORT = "6333"


def merge_host(flags: Mapping[str, tuple[str, ...]]) -> tuple[dict[str, tuple[str, ...]], tuple[str, ...]]:
    """Turn `--host` and `--port`, as in hand-written scripts, into a URL; return the flags and the problems."""
    others = {name: given for name, given in flags.items() if name not in {"host", "port"}}
    host, port = (flags.get(name, ("",))[-1] for name in ("host", "port"))
    if not host and not port:
        return others, ()
    if not host:
        return others, ("--port: goes with --host; or write the port into --qdrant-url",)
    if "qdrant-url" in flags:
        return others, ("--host and --qdrant-url are both given; keep one",)
    if port and not port.isdecimal():
        return others, (f"--port: '{port}' is no port",)
    return {**others, "qdrant-url": (_join(host, port),)}, ()


def merge_variables(url: Resolved, environment: Mapping[str, str]) -> Resolved:
    """Return Qdrant's URL made of `QDRANT_HOST`, `QDRANT_PORT` and `QDRANT_USE_HTTPS`, unless a flag gives one.

    Beside `QDRANT_URL` they must say the same. A port like `tcp://10.0.0.1:6333` comes from Docker or Kubernetes, and
    counts for nothing.
    """
    given = {name: text for name in ADDRESS_VARIABLES if (text := environment.get(name, "").strip(" "))}
    if "://" in given.get("QDRANT_PORT", ""):
        del given["QDRANT_PORT"]
    if not given or url.origin.rank is SourcePriority.FLAG:
        return url
    origin = Origin(SourcePriority.ENVIRONMENT, ", ".join(given))
    if problems := _find_part_problems(given):
        return Resolved(url.value, origin, (*url.problems, *problems))
    if url.origin.rank is not SourcePriority.ENVIRONMENT:
        value, problem = read_text(OPTIONS_BY_NAME["qdrant-url"], _join_variables(given), origin.where)
        url = Resolved(value, origin, (problem,) if problem else ())
    different = [name for name in given if not url.problems and _contradicts(name, given[name], url.value)]
    if different:
        told = ", ".join(f"{name} '{redact_url(given[name])}'" for name in different)
        problem = f"{told}: contradicts '{url.value}', which {url.origin.where} gives; keep one"
        return Resolved(url.value, url.origin, (problem,))
    return url


def _find_part_problems(given: Mapping[str, str]) -> tuple[str, ...]:
    if problems := [f"{name}: {problem}" for name, text in given.items() if (problem := find_text_problem(text))]:
        return tuple(problems)
    host, port = given.get("QDRANT_HOST", _HOST), given.get("QDRANT_PORT", _PORT)
    try:
        _ = _split(host).port
    except ValueError:
        problems.append(f"QDRANT_HOST: '{redact_url(host)}' is no host")
    if not port.isdecimal():
        problems.append(f"QDRANT_PORT: '{port}' is no port")
    try:
        parse_switch(given.get("QDRANT_USE_HTTPS", "no"))
    except ValueError as error:
        problems.append(f"QDRANT_USE_HTTPS: {error}")
    return tuple(problems)


def _join_variables(given: Mapping[str, str]) -> str:
    host, port = given.get("QDRANT_HOST", _HOST), given.get("QDRANT_PORT", "")
    if _split(host).port is not None:
        port = ""
    scheme = "https" if parse_switch(given.get("QDRANT_USE_HTTPS", "no")) else "http"
    return _join(host, port, scheme)


def _contradicts(name: str, text: str, url: str) -> bool:
    """Return whether a URL says something else than one of the variables."""
    parts = urlsplit(url)
    port = parts.port or _DEFAULT_PORTS[parts.scheme]
    match name:
        case "QDRANT_USE_HTTPS":
            return parse_switch(text) != (parts.scheme == "https")
        case "QDRANT_PORT":
            return int(text) != port
    host = _split(text)
    return (
        host.hostname != parts.hostname
        or host.port not in {None, port}
        or ("://" in text and host.scheme != parts.scheme)
    )


def _split(host: str) -> SplitResult:
    """Return the parts of a host as people write it: alone, with a port, with a scheme, as a bare IPv6 address."""
    if "://" in host:
        return urlsplit(host)
    return urlsplit(f"//[{host}]" if _is_bare_ipv6(host) else f"//{host}")


def _is_bare_ipv6(host: str) -> bool:
    return host.count(":") > 1 and not host.startswith("[")


def _join(host: str, port: str, scheme: str = "http") -> str:
    if "://" in host:
        return f"{host.rstrip('/')}:{port}" if port else host
    if _is_bare_ipv6(host):
        host = f"[{host}]"
    has_port = not port and ":" in host.rpartition("]")[2]
    return f"{scheme}://{host}" if has_port else f"{scheme}://{host}:{port or _PORT}"
