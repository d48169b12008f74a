"""Builds for FPGA boards and for the simulated board."""
