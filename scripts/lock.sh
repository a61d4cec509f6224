#!/usr/bin/env bash
# Pins the requirement files: hashes of every wheel of every platform and of Python 3.11 to 3.13, and no index address.
# Needs uv on the path. Run it after a change of the dependencies in pyproject.toml; give --upgrade to move the pins.
set -euo pipefail
cd "$(dirname "$0")/.."
lock() {
  uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
    --custom-compile-command scripts/lock.sh "$@"
}
lock pyproject.toml --group build --output-file requirements/base.txt "$@"
lock pyproject.toml --group build --group dev --constraint requirements/base.txt --output-file requirements/dev.txt "$@"
lock --group docs --constraint requirements/dev.txt --output-file requirements/docs.txt "$@"
lock --group local-cloud --output-file src/stratofold/cloud/local/requirements.txt "$@"
lock --group oracles --output-file requirements/oracles.txt "$@"
lock --group template --output-file requirements/template.txt "$@"
lock --group nightly --output-file requirements/nightly.txt "$@"
