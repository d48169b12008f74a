"""PCIe endpoint behind the hard block's 64-bit AXI streams."""
