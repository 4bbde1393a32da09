"""`python boot.py URL COLLECTION`: the reads of a boot with nothing to do, with requests and nothing else."""

import os
import sys

import requests

url, collection = sys.argv[1:]
session = requests.Session()
if os.environ.get("QDRANT_API_KEY"):
    session.headers["api-key"] = os.environ["QDRANT_API_KEY"]

session.get(f"{url}/readyz", timeout=5).raise_for_status()
session.get(f"{url}/", timeout=5).raise_for_status()
session.get(f"{url}/collections", timeout=30).raise_for_status()
session.get(f"{url}/aliases", timeout=30).raise_for_status()
session.get(f"{url}/collections/{collection}", timeout=30).raise_for_status()
count = session.post(f"{url}/collections/{collection}/points/count", json={"exact": True}, timeout=300)
count.raise_for_status()
print(f"{collection}: {count.json()['result']['count']:,} points here")
