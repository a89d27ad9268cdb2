#!/bin/sh
# Makes a fresh clone ready: packages, generated code, Envoy. Safe to run again; does only what is missing.
set -eu
cd "$(dirname "$0")/.."

if [ ! -f node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  # An older Node is enough here, and npm's warning about it looks like a failure: the right one is among the packages.
  npm ci --no-audit --no-fund --loglevel=error
fi
PATH="$PWD/node_modules/.bin:$PATH"
export PATH
node scripts/generate.ts --if-needed
node scripts/fetch-envoy.ts
