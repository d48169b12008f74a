"""The contract between hardware and software, the compiler and the program simulator."""
