"""The HTTP API: requests, routes, endpoints and responses."""
