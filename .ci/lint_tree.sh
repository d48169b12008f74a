#!/usr/bin/env bash
# Copies the package's modules as they are installed, to build/lint: for tools that read packages from
# folders (mypy, import-linter) and do not follow the __path__ of volley/__init__.py.
set -eu
cd "$(dirname "$0")/.."
mkdir -p build/lint
rm -rf build/lint/volley
mkdir build/lint/volley
cp -p volley/*.py build/lint/volley/
find firmware rtl fpga model host -name '*.py' -exec cp -p --parents {} build/lint/volley/ \;
