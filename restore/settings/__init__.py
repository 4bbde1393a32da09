"""Settings: options, their sources, and the one frozen value that is decided from them.

Pure: collections, command_names, durations, model, option, parsers, resolve, schedule, selection, server_address,
sources, unknown.
"""
