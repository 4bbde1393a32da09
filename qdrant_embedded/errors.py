"""Error answers of the API: a status and the server's message for it."""

from __future__ import annotations


class ApiError(Exception):
    """An answer other than success: a status and Qdrant's message, sent as JSON or as plain text."""

    def __init__(self, status: int, message: str, *, plain_text: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.plain_text = plain_text


def bad_json(message: str) -> ApiError:
    """Return the 400 for a body of another form than expected."""
    return ApiError(400, f"Format error in JSON body: {message}")


def wrong_input(message: str) -> ApiError:
    """Return the 400 for a request that was understood and is wrong."""
    return ApiError(400, f"Wrong input: {message}")


def bad_request(message: str) -> ApiError:
    """Return the 400 for a snapshot location or an operation that the server does not take."""
    return ApiError(400, f"Bad request: {message}")


def not_found(message: str) -> ApiError:
    """Return a 404."""
    return ApiError(404, f"Not found: {message}")


def missing_collection(name: str) -> ApiError:
    """Return the 404 for a collection that does not exist."""
    return not_found(f"Collection `{name}` doesn't exist!")


def conflict(message: str) -> ApiError:
    """Return a 409, which the server words as wrong input."""
    return ApiError(409, f"Wrong input: {message}")


def forbidden(message: str, *, plain_text: bool = False) -> ApiError:
    """Return the 403 for a key or a path that is not allowed."""
    return ApiError(403, f"Forbidden: {message}", plain_text=plain_text)


def service_error(message: str) -> ApiError:
    """Return a 500."""
    return ApiError(500, f"Service internal error: {message}")


def not_emulated(what: str) -> ApiError:
    """Return the 501 for what only a real Qdrant does."""
    return ApiError(501, f"Not emulated: {what} is not done by the embedded Qdrant; use a real server for it")
