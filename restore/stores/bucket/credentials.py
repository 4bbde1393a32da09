"""The endpoint and the credentials of a bucket, from the places where the provider's own tools look.

The caller passes the environment. obstore itself handles instance roles, workload identities and container
credentials. No credential is ever shown.
"""

import configparser
import contextlib
import ctypes
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from restore.errors import AuthError, SettingsError
from restore.stores.bucket.client import BucketClient
from restore.stores.location import Location, LocationKind
from restore.system.files import read_named_file, require_named_file
from restore.system.optional_package import import_optional

_CONNECT_SECONDS = 5
# Of glibc's malloc.h; elsewhere there is nothing to set.
_M_MMAP_THRESHOLD = -3
_LARGE_BYTES = 256 << 10
_SILENCE_SECONDS = 60.0
_REQUEST_SECONDS = 600
# Retries, and seconds for all of them: a small request gives up after six, a part of an upload after five minutes.
_REQUEST_RETRIES = (6, 180)
_UPLOAD_RETRIES = (100, 300)
_ROLE_VARIABLES = (
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)
_PREFIXES = {LocationKind.S3: "AWS_", LocationKind.GCS: "STORAGE_EMULATOR_HOST", LocationKind.AZURE: "AZURE_"}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_FILE_VARIABLES = ("GOOGLE_APPLICATION_CREDENTIALS", "AWS_WEB_IDENTITY_TOKEN_FILE", "AZURE_FEDERATED_TOKEN_FILE")
_AZURE_PARTS = {
    "AccountName": "account_name",
    "AccountKey": "account_key",
    "BlobEndpoint": "endpoint",
    "SharedAccessSignature": "sas_key",
}


# What obstore is configured with, and the endpoint: empty for the provider's own.
Configuration = tuple[dict[str, Any], str]


def open_client(
    location: Location, environment: Mapping[str, str], *, silence_seconds: float = _SILENCE_SECONDS
) -> BucketClient:
    """Open a bucket; nothing is sent yet. A request may go without an answer for `silence_seconds`.

    Raise `SettingsError` when the package is missing or the environment's values are wrong.
    """
    stores = import_optional("obstore.store", "buckets")
    _require_files(environment)
    _refuse_controls(environment, _PREFIXES[location.kind])
    _return_large_blocks()
    kind, configure = _KINDS[location.kind]
    try:
        config, endpoint = configure(location, environment)
        store, upload_store = (
            getattr(stores, kind)(
                location.bucket,
                config=config,
                client_options=_make_options(endpoint, environment, silence_seconds),
                retry_config=_make_retries(*limits),
            )
            for limits in (_REQUEST_RETRIES, _UPLOAD_RETRIES)
        )
        return BucketClient(store, str(location), upload_store=upload_store)
    except (import_optional("obstore.exceptions", "buckets").BaseError, ValueError) as error:
        # obstore's message repeats credentials, so only the class of its error is shown.
        raise SettingsError(
            f"store '{location}' cannot be opened with what the environment says ({type(error).__name__})",
            hint="docs/stores.md lists the variables that are read",
        ) from None


def _refuse_controls(environment: Mapping[str, str], prefix: str) -> None:
    """Raise `SettingsError` for a value with a control character, at which obstore would break off."""
    problems = [
        f"{name} has a control character in it (Windows line ends?)"
        for name, value in environment.items()
        if name.startswith(prefix) and _CONTROL.search(value)
    ]
    if problems:
        raise SettingsError(*problems, hint="docs/stores.md lists the variables that are read")


def _check_endpoint(where: str, text: str) -> str:
    """Return the URL of an endpoint. Raise `SettingsError` when it is none; a password in it is not repeated."""
    shown = text.rpartition("@")[2].partition("?")[0]
    problem = ""
    try:
        parts = urlsplit(text)
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        problem = "has a host or port that is none (a port is a number up to 65535)"
    else:
        if not text.isascii() or " " in text:
            problem = "has a character that no URL has"
        elif "://" not in text:
            problem = f"has no scheme (did you mean http://{shown}?)"
        elif parts.scheme not in {"http", "https"}:
            problem = f"begins with {parts.scheme}://, an endpoint is http:// or https://"
        elif not has_host:
            problem = "has no host, or port 0"
    if problem:
        raise SettingsError(f"{where}: '{shown}' {problem}", hint="docs/stores.md lists the variables that are read")
    return text


def _find_endpoint(environment: Mapping[str, str], names: tuple[str, ...]) -> str:
    """Return the first of these variables that is set; empty without one. Raise `SettingsError` for no URL."""
    return next((_check_endpoint(name, environment[name]) for name in names if environment.get(name)), "")


def _require_files(environment: Mapping[str, str]) -> None:
    """Raise `SettingsError` where obstore itself would read a pipe or a device, and wait for ever."""
    for name in _FILE_VARIABLES:
        path = environment.get(name)
        try:
            if path:
                require_named_file(path)
        except OSError as error:
            raise SettingsError(f"{name}: '{path}' cannot be read: {error.strerror}") from error


def _make_retries(most: int, seconds: int) -> dict[str, Any]:
    return {
        "max_retries": most,
        "retry_timeout": timedelta(seconds=seconds),
        "backoff": {"init_backoff": timedelta(seconds=0.1), "max_backoff": timedelta(seconds=3), "base": 2},
    }


def _make_options(endpoint: str, environment: Mapping[str, str], silence_seconds: float) -> dict[str, Any]:
    """Return obstore's client options: timeouts and trusted certificates."""
    options: dict[str, Any] = {
        "allow_http": endpoint.startswith("http://"),
        "connect_timeout": timedelta(seconds=_CONNECT_SECONDS),
        "read_timeout": timedelta(seconds=silence_seconds),
        "timeout": timedelta(seconds=_REQUEST_SECONDS),
        "user_agent": "qdrant-restore",
    }
    authorities = environment.get("AWS_CA_BUNDLE") or environment.get("SSL_CERT_FILE")
    if authorities:
        try:
            options["root_certificate"] = read_named_file(authorities)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", "") or error
            raise SettingsError(f"'{authorities}' (AWS_CA_BUNDLE, SSL_CERT_FILE) cannot be read: {reason}") from error
    return options


# --- S3 -------------------------------------------------------------------------------------------------------------


class _Profile(msgspec.Struct, frozen=True, kw_only=True):
    """A profile of the AWS tools; values that it does not set are empty."""

    access_key_id: str = ""
    secret_access_key: str = ""
    session_token: str = ""
    region: str = ""
    endpoint: str = ""


def _return_large_blocks() -> None:
    """Let glibc return large blocks to the system as soon as they are free.

    By default it keeps them once it has seen such sizes, and blocks that one thread allocates and another frees
    leave gaps: 65 MiB above the start instead of 43 on a busy machine.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)


def _configure_s3(location: Location, environment: Mapping[str, str]) -> Configuration:
    profile = _read_profile(environment)
    endpoint = _find_endpoint(environment, ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"))
    if not endpoint and profile.endpoint:
        endpoint = _check_endpoint("endpoint_url of the AWS profile", profile.endpoint)
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or profile.region
    # One object at a time: every compatible store supports that, and reports each refusal.
    config: dict[str, Any] = {"region": region or "us-east-1", "disable_bulk_delete": True}
    if endpoint:
        config["endpoint"] = endpoint
    if profile.access_key_id:
        config["access_key_id"] = profile.access_key_id
        config["secret_access_key"] = profile.secret_access_key
        config |= {"session_token": profile.session_token} if profile.session_token else {}
    elif not any(environment.get(name) for name in _ROLE_VARIABLES) and _forbids_roles(environment):
        raise AuthError(
            f"store '{location}': no credentials are given, and instance roles are switched off",
            hint="AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE; docs/stores.md lists the places",
        )
    return config, endpoint


def _forbids_roles(environment: Mapping[str, str]) -> bool:
    return environment.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true"


def _read_profile(environment: Mapping[str, str]) -> _Profile:
    """Return the key to use: the environment's, else a profile's; an empty profile where a role is configured."""
    name = environment.get("AWS_PROFILE", "")
    if environment.get("AWS_ACCESS_KEY_ID"):
        return _Profile(
            access_key_id=environment["AWS_ACCESS_KEY_ID"],
            secret_access_key=environment.get("AWS_SECRET_ACCESS_KEY", ""),
            session_token=environment.get("AWS_SESSION_TOKEN", ""),
        )
    if not name and any(environment.get(role) for role in _ROLE_VARIABLES):
        return _Profile()
    home = Path(environment.get("HOME") or "/")
    credentials = _read_ini(environment.get("AWS_SHARED_CREDENTIALS_FILE") or str(home / ".aws" / "credentials"))
    config = _read_ini(environment.get("AWS_CONFIG_FILE") or str(home / ".aws" / "config"))
    wanted = name or "default"
    section = config[f"profile {wanted}"] if config.has_section(f"profile {wanted}") else {}
    found = {
        **(config[wanted] if config.has_section(wanted) else {}),
        **section,
        **(credentials[wanted] if credentials.has_section(wanted) else {}),
    }
    if name and not found:
        raise SettingsError(
            f"AWS_PROFILE: there is no profile '{name}'", hint="aws configure list-profiles shows them"
        )
    if name and not found.get("aws_access_key_id"):
        raise SettingsError(
            f"AWS_PROFILE: profile '{name}' holds no key, and other kinds of profiles are not read here",
            hint='log in with the AWS tools and hand the key over: eval "$(aws configure export-credentials '
            f'--profile {name} --format env)"',
        )
    return _Profile(
        access_key_id=found.get("aws_access_key_id", ""),
        secret_access_key=found.get("aws_secret_access_key", ""),
        session_token=found.get("aws_session_token", ""),
        region=found.get("region", ""),
        endpoint=found.get("endpoint_url", ""),
    )


def _read_ini(path: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, default_section="\0")
    try:
        parser.read_string(read_named_file(path).decode())
    except FileNotFoundError:
        return parser
    except (OSError, ValueError, configparser.Error) as error:
        raise SettingsError(f"'{path}' cannot be read ({type(error).__name__})") from None
    return parser


# --- Google Cloud Storage and Azure ---------------------------------------------------------------------------------


def _configure_gcs(_location: Location, environment: Mapping[str, str]) -> Configuration:
    emulator = environment.get("STORAGE_EMULATOR_HOST", "")
    config: dict[str, Any] = {}
    if emulator:
        url = _check_endpoint("STORAGE_EMULATOR_HOST", emulator if "://" in emulator else f"http://{emulator}")
        account = {"gcs_base_url": url.rstrip("/"), "disable_oauth": True, "client_email": "", "private_key": ""}
        config["service_account_key"] = msgspec.json.encode({**account, "private_key_id": ""}).decode()
        emulator = url
    return config, emulator


def _configure_azure(location: Location, environment: Mapping[str, str]) -> Configuration:
    config = _read_connection(environment.get("AZURE_STORAGE_CONNECTION_STRING", ""))
    plain = {
        "account_name": ("AZURE_STORAGE_ACCOUNT", "AZURE_STORAGE_ACCOUNT_NAME"),
        "account_key": ("AZURE_STORAGE_KEY", "AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_ACCESS_KEY"),
        "sas_key": ("AZURE_STORAGE_SAS_TOKEN", "AZURE_STORAGE_SAS_KEY"),
        "endpoint": ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"),
    }
    for key, names in plain.items():
        value = next((environment[name] for name in names if environment.get(name)), "")
        if value and key not in config:
            config[key] = value
    if config.get("endpoint"):
        _check_endpoint("the endpoint of Azure's variables", config["endpoint"])
    if "account_name" not in config:
        raise SettingsError(
            f"store '{location}': no storage account is named",
            hint="AZURE_STORAGE_ACCOUNT, or AZURE_STORAGE_CONNECTION_STRING",
        )
    return config, config.get("endpoint", "")


def _read_connection(text: str) -> dict[str, str]:
    """Parse a connection string of the Azure tools. Errors never repeat it: it contains a key."""
    parts = dict(part.partition("=")[::2] for part in text.split(";") if part)
    found = {ours: parts[theirs] for theirs, ours in _AZURE_PARTS.items() if parts.get(theirs)}
    if text and "account_name" not in found:
        raise SettingsError("AZURE_STORAGE_CONNECTION_STRING has no AccountName in it")
    return found


_KINDS = {
    LocationKind.S3: ("S3Store", _configure_s3),
    LocationKind.GCS: ("GCSStore", _configure_gcs),
    LocationKind.AZURE: ("AzureStore", _configure_azure),
}
