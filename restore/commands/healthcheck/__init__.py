"""`healthcheck`: ask a running `serve` whether it lives."""
