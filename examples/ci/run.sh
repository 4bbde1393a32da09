#!/bin/sh
# What a project's CI does: install, have a Qdrant, restore the fixtures into it, run the tests. A person can run it too.
#
#   QDRANT_URL   a Qdrant that runs already, such as a service of the CI; without it an embedded one is started
#   PYTHON       an interpreter (its whole path) that has qdrant-restore and pytest; without it an environment is made
set -eu
cd "$(dirname "$0")"

if [ -z "${PYTHON:-}" ]; then
    python3 -m venv .venv
    .venv/bin/pip install --quiet '../..[embedded]' pytest      # ../.. is a clone of qdrant-restore
    PYTHON=.venv/bin/python
fi

if [ -z "${QDRANT_URL:-}" ]; then
    work=$(mktemp -d)
    "$PYTHON" -m qdrant_embedded --storage "$work/storage" --port 0 --ready-file "$work/url" > "$work/log" 2>&1 &
    qdrant=$!
    trap 'kill "$qdrant" 2> /dev/null; wait "$qdrant" || :; rm -rf "$work"' EXIT
    until [ -s "$work/url" ]; do
        kill -0 "$qdrant" || { cat "$work/log"; exit 1; }
        sleep 0.1
    done
    QDRANT_URL=$(cat "$work/url")
    export QDRANT_URL
fi

"$PYTHON" -m restore restore --store tests/fixtures
"$PYTHON" -m pytest tests
