"""What is measured, against what, in one command: `python -m bench`."""
