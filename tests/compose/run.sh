#!/bin/sh
# Runs the Compose story on the engine that answers here; where none does, says so in one line and is content.
# PYTHON, DOCKER, QDRANT_IMAGE and PYTHON_IMAGE may name others than the usual ones.
set -eu
cd "$(dirname "$0")/../.."
docker=${DOCKER:-docker}
if ! "$docker" compose version >/dev/null 2>&1 || ! "$docker" info >/dev/null 2>&1; then
    echo "test-compose: no Docker engine with Compose v2 answers here, so nothing was run"
    exit 0
fi
exec "${PYTHON:-python3}" -m pytest tests/compose -q --no-header -m compose "$@"
