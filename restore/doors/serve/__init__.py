"""`serve` and `healthcheck`: the door of the long-running process, and the small one that asks how it is."""
