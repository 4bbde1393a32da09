"""`python snapshot.py URL COLLECTION FILE`: create a snapshot and download it with requests, then hash the file."""

import hashlib
import os
import sys
from pathlib import Path

import requests

url, collection, file = sys.argv[1:]
headers = {"api-key": os.environ["QDRANT_API_KEY"]} if os.environ.get("QDRANT_API_KEY") else {}
where = f"{url}/collections/{collection}/snapshots"

answer = requests.post(where, params={"wait": "true"}, headers=headers, timeout=3600)
answer.raise_for_status()
name = answer.json()["result"]["name"]
download = requests.get(f"{where}/{name}", headers=headers, timeout=3600)
download.raise_for_status()
Path(file).write_bytes(download.content)
print(hashlib.sha256(Path(file).read_bytes()).hexdigest())
