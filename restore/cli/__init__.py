"""The command line: arguments, environment, log, progress, output, exit status."""
