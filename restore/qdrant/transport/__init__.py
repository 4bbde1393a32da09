"""HTTP to one server: the connection, requests and their responses, streams, network errors."""
