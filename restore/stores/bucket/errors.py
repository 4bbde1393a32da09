"""The errors of obstore, translated by their class, the answer's status and its code.

Their texts contain whole URLs, with some credentials even signatures; so only the words searched for here are shown.
"""

import re

from restore.errors import AuthError, NotFoundError, RestoreError, SpaceError, StoreError

# The second form is that of bulk deletions, which only Azure has.
_STATUS = re.compile(r"(?:status code|\(code): ([0-9]{3})\b")
_CODE = re.compile(r"<Code>([A-Za-z0-9.]{1,60})</Code>|\"reason\":\s*\"([A-Za-z0-9.]{1,60})\"")
_NO_BUCKET = frozenset({"NoSuchBucket", "ContainerNotFound", "ContainerBeingDeleted"})
_NO_BUCKET_TEXT = "The specified bucket does not exist"
_FULL = frozenset({"InsufficientStorage", "XMinioStorageFull", "QuotaExceeded", "AccountBeingCreated"})
_REFUSED = frozenset({"401", "403"})
_NO_ROOM = "507"
_CREDENTIALS = ("TokenRequest", "error performing token request", "InstanceCredentials", "Error getting credentials")
_CLOCK = frozenset({"RequestTimeTooSkewed", "RequestExpired"})
_REASONS = (
    ("dns error", "its host name does not resolve"),
    ("ConnectionRefused", "connection refused"),
    ("ConnectionReset", "the connection was lost"),
    ("InvalidCertificate", "its certificate was not accepted"),
    ("UnknownIssuer", "its certificate was not accepted (unknown authority)"),
    ("InvalidContentType", "it does not speak TLS"),
    ("kind: Timeout", "no answer in time"),
    ("TimedOut", "no answer in time"),
    ("NetworkUnreachable", "its network cannot be reached"),
    ("HostUnreachable", "its host cannot be reached"),
    ("IncompleteMessage", "the connection was lost before an answer came"),
    ("kind: Connect", "no connection could be made"),
)


def is_missing(error: Exception) -> bool:
    """Return True if the object does not exist, but its bucket does."""
    return isinstance(error, FileNotFoundError) and not is_bucket_missing(error)


def is_bucket_missing(error: Exception) -> bool:
    """Return True if the bucket does not exist."""
    text = str(error)
    return _find_code(text) in _NO_BUCKET or _NO_BUCKET_TEXT in text


def is_conflict(error: Exception) -> bool:
    """Return True if the condition of a conditional request did not hold."""
    return type(error).__name__ in {"AlreadyExistsError", "PreconditionError", "NotModifiedError"}


def is_transient(error: Exception) -> bool:
    """Return True if a retry may succeed: no answer came, or one of a transient status."""
    status = _find_status(str(error))
    return type(error).__name__ == "GenericError" and (not status or status in {"408", "429"} or status >= "500")


def panic_error(store: str) -> StoreError:
    """Return the error for a panic of obstore. Its own text is on stderr already, and may contain a credential."""
    return StoreError(
        f"store '{store}': the package 'obstore' broke off",
        hint="is one of the variables in docs/stores.md wrong? else please report it with the lines above",
    )


def error_from_obstore(error: Exception, store: str, what: str) -> RestoreError:
    """Return the `RestoreError` for an error of obstore. `store` is the store's URL, `what` says what was tried."""
    text = str(error)
    status, code = _find_status(text), _find_code(text)
    if any(word in text for word in _CREDENTIALS):
        return AuthError(
            f"store '{store}': no credentials could be had",
            hint="give them where the provider's own tools look: docs/stores.md lists the places",
        )
    if is_bucket_missing(error):
        return NotFoundError(
            f"store '{store}': there is no such bucket",
            hint="buckets are never made here: make it with the provider's tool, or is the endpoint another one?",
        )
    if status in _REFUSED or type(error).__name__ in {"PermissionDeniedError", "UnauthenticatedError"}:
        return _refusal_error(store, what, status, code)
    if status == _NO_ROOM or code in _FULL:
        return SpaceError(f"store '{store}': {what}: it is full{_show(status, code)}", hint="free some room there")
    if isinstance(error, FileNotFoundError):
        return NotFoundError(f"store '{store}': {what}: it is not there", hint="was it deleted meanwhile?")
    if status:
        return StoreError(
            f"store '{store}': {what}: it answered {status}{f' ({code})' if code else ''}",
            hint=_suggest(status),
        )
    reason = next((words for sign, words in _REASONS if sign in text), f"it failed ({type(error).__name__})")
    return StoreError(
        f"store '{store}' cannot be reached: {reason}", hint="is its endpoint right, and is the network there?"
    )


def _refusal_error(store: str, what: str, status: str, code: str) -> AuthError:
    hint = "may this key do that? docs/stores.md lists what reading, writing and pruning need"
    if code in {"InvalidAccessKeyId", "SignatureDoesNotMatch", "AuthenticationFailed", "AuthorizationFailure"}:
        hint = "is it the right key? It is taken from where the provider's own tools take it (docs/stores.md)"
    if code in _CLOCK:
        hint = "is this machine's clock right?"
    return AuthError(f"store '{store}': {what}: refused{_show(status, code)}", hint=hint)


def _suggest(status: str) -> str:
    if status == "501":
        return "this store does not know that request; with S3 look-alikes see docs/stores.md, 'Compatible stores'"
    if status == "400":
        return "is the region right (AWS_REGION)? some S3 look-alikes want other settings: docs/stores.md"
    return "what the store's own log says may tell more"


def _show(status: str, code: str) -> str:
    words = " ".join(word for word in (status, code) if word)
    return f" ({words})" if words else ""


def _find_status(text: str) -> str:
    match = _STATUS.search(text)
    return match[1] if match else ""


def _find_code(text: str) -> str:
    match = _CODE.search(text)
    return (match[1] or match[2]) if match else ""
