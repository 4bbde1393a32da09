"""One function per route. It takes an ApiRequest and returns a result or a response, or raises ApiError."""
