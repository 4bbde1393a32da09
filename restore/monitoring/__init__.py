"""Metrics and notifications about runs.

Pure: metrics, notification, run_result, samples.
"""
