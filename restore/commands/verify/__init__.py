"""`verify`: compare the files of a store with what was promised.

Pure: report, sampling.
"""
