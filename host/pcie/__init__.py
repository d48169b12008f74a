"""PCIe boards: found in sysfs, opened through it or vfio-pci, driven by loads and stores of BAR0."""
