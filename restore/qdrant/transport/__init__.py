"""HTTP to one server: a connection, streams, what answers mean, network errors."""
