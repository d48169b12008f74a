"""One module per toolchain: FLOWS says which there are."""
