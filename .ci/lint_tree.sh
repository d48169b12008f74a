#!/usr/bin/env bash
# Lays the package out as it is installed, by links, in build/lint: for tools that read packages from
# folders (mypy, import-linter), which do not follow the __path__ of volley/__init__.py.
set -eu
cd "$(dirname "$0")/.."
rm -rf build/lint
mkdir -p build/lint/volley
for file in volley/*.py; do ln -s "../../../$file" "build/lint/$file"; done
for folder in firmware rtl fpga model host; do ln -s "../../../$folder" "build/lint/volley/$folder"; done
