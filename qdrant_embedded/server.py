"""The state that all requests share."""

from __future__ import annotations

import secrets
import shutil
import uuid
from typing import TYPE_CHECKING

import msgspec

from qdrant_embedded import documents
from qdrant_embedded.api_keys import ApiKeys
from qdrant_embedded.engine.catalog import Catalog
from qdrant_embedded.fault_injection import FaultInjector
from qdrant_embedded.operation_counters import OperationCounters

if TYPE_CHECKING:
    from pathlib import Path

    from qdrant_embedded.settings import Settings


class Server:
    """One storage directory being served."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.faults = FaultInjector([msgspec.json.decode(fault) for fault in settings.misbehave])
        self.operations = OperationCounters()
        self.api_keys = ApiKeys(settings.api_key, settings.read_only_api_key)
        self.process_id = str(uuid.uuid4())
        settings.storage.mkdir(parents=True, exist_ok=True)
        self.upload_path = settings.snapshots / "tmp"
        shutil.rmtree(self.upload_path, ignore_errors=True)
        self.upload_path.mkdir(parents=True)
        self.peer_id = self._load_peer_id()
        self.catalog = Catalog(settings.storage, lambda: self.faults.collection_limit)

    def _load_peer_id(self) -> int:
        path = self.settings.storage / "raft_state.json"
        raft_state = documents.read(path)
        if raft_state is None:
            raft_state = {"this_peer_id": secrets.randbelow(1 << 53)}
            documents.write(path, raft_state)
        return int(raft_state["this_peer_id"])

    def snapshots_of(self, collection: str) -> Path:
        """Return the directory of a collection's snapshots."""
        return self.settings.snapshots / collection

    def shard_snapshots_of(self, collection: str, shard: int) -> Path:
        """Return the directory of one shard's snapshots."""
        return self.snapshots_of(collection) / "shards" / str(shard)
