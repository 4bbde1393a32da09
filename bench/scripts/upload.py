"""`python upload.py URL COLLECTION FILE CHECKSUM IDS`: upload a snapshot with requests, then read its points.

IDS is a file with a JSON list of the points to read, in batches of 16.
"""

import json
import os
import sys
from pathlib import Path

import requests

url, collection, file, checksum, ids_file = sys.argv[1:]
headers = {"api-key": os.environ["QDRANT_API_KEY"]} if os.environ.get("QDRANT_API_KEY") else {}
where = f"{url}/collections/{collection}"

with Path(file).open("rb") as snapshot:
    answer = requests.post(
        f"{where}/snapshots/upload",
        params={"priority": "snapshot", "checksum": checksum, "wait": "true"},
        files={"snapshot": snapshot},
        headers=headers,
        timeout=3600,
    )
answer.raise_for_status()

session = requests.Session()
session.headers.update(headers)
session.get(where, timeout=60).raise_for_status()
session.post(f"{where}/points/count", json={"exact": True}, timeout=300).raise_for_status()
ids = json.loads(Path(ids_file).read_text(encoding="utf-8"))
for begin in range(0, len(ids), 16):
    body = {"ids": ids[begin : begin + 16], "with_payload": True, "with_vector": True}
    session.post(f"{where}/points", json=body, timeout=60).raise_for_status()
