"""The client of Qdrant's HTTP API, and Qdrant's own values.

Pure: api_key, collection_names, model, url, version.
"""
