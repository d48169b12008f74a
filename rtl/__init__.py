"""The hardware, in MyHDL: one block per file."""
