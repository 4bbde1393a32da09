"""What a network error means for a person: one clause that describes it, and one hint."""

import http.client
import socket
import ssl

_GRPC_PORT = 6334
_IS_GRPC = "that is Qdrant's gRPC port (usually 6334): give the one of its HTTP API (usually 6333)"
# By the first bytes of an answer in it: what is spoken there, and what to do.
_OTHER_PROTOCOLS = {
    "\x00\x00": ("it speaks gRPC, not HTTP/1.1", _IS_GRPC),
    "\x15\x03": ("it speaks TLS", "give its URL with https://"),
}
_NO_DETAIL = frozenset({"", "timed out", "The read operation timed out", "The write operation timed out"})


def describe_network_error(error: Exception) -> str:
    """Return what happened, as the end of a sentence."""
    match error:
        case ssl.SSLCertVerificationError():
            return f"its certificate was not accepted ({error.verify_message})"
        case ssl.SSLError():
            return f"TLS failed ({error.reason or error})"
        case socket.gaierror():
            return f"its host name does not resolve ({error.strerror})"
        case UnicodeError():
            return "its host name is none"
        case TimeoutError():
            return "no answer in time" if error.errno or str(error) in _NO_DETAIL else str(error)
        case ConnectionRefusedError():
            return "connection refused"
        case (
            http.client.RemoteDisconnected()
            | http.client.IncompleteRead()
            | ConnectionResetError()
            | BrokenPipeError()
        ):
            return "the connection was lost before an answer came"
        case http.client.HTTPException():
            other = _find_other_protocol(error)
            return other[0] if other else f"it does not speak HTTP ({type(error).__name__})"
        case OSError():
            return error.strerror or str(error)
        case _:
            return str(error)


def is_permanent(error: Exception) -> bool:
    """Return whether waiting cannot help: another protocol is spoken there, or the name is none."""
    return _find_other_protocol(error) is not None or isinstance(error, ssl.SSLError | UnicodeError)


def suggest_network_fix(error: Exception, port: int) -> str:
    """Return what a person could do about it; empty when nothing is known."""
    if other := _find_other_protocol(error):
        return other[1]
    if port == _GRPC_PORT and isinstance(error, ConnectionResetError):
        return _IS_GRPC
    match error:
        case ssl.SSLCertVerificationError():
            return "name the authority with RESTORE_CA_FILE, or use a name that the certificate holds"
        case ssl.SSLError():
            return "is it https:// that this port speaks? Qdrant speaks http:// unless TLS was switched on"
        case socket.gaierror():
            return "inside Compose the host is the service's name, for example http://qdrant:6333"
        case ConnectionRefusedError():
            return (
                "is Qdrant running, and is this its HTTP port (usually 6333)? A Qdrant whose snapshots directory "
                "is read-only panics at start: see its log"
            )
        case _:
            return ""


def _find_other_protocol(error: Exception) -> tuple[str, str] | None:
    if not isinstance(error, http.client.BadStatusLine):
        return None
    return _OTHER_PROTOCOLS.get(str(error)[:2])
