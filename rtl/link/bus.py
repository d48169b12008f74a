"""The bus between the link and the accelerator: 32-bit words at the addresses of registers.py."""

from myhdl import Signal, intbv

from volley.firmware.fields import WORD_BITS
from volley.firmware.frames import HEADER, SESSION_BITS

ENTRY_BITS = 16


class Bus:
    """One master (the link), one slave (the accelerator).

    Driven by the master:
        address    32 bits, word address
        write      write_data goes to address in the cycle in which write and ready are set
        write_data 32 bits
        read       asks for the word at address in the cycle in which read and ready are set
        run        one cycle: start the program at ``entry``; only given while running is not set
        entry      ENTRY_BITS bits, word address in program memory
        session    SESSION_BITS bits, the session's number; 0 after a reset of the master
    Driven by the slave:
        ready      the write or read of this cycle is taken (may depend on address)
        read_data  32 bits
        read_valid one cycle, some cycles after a read was taken: read_data answers it;
                   the master asks for the next word only after that
        running    a program runs
    ``write`` and ``read`` are never set together, and stay set with a stable address until taken.
    """

    def __init__(self):
        self.address = Signal(intbv(0)[HEADER["address"].width :])
        self.write = Signal(bool(0))
        self.write_data = Signal(intbv(0)[WORD_BITS:])
        self.read = Signal(bool(0))
        self.run = Signal(bool(0))
        self.entry = Signal(intbv(0)[ENTRY_BITS:])
        self.session = Signal(intbv(0)[SESSION_BITS:])
        self.ready = Signal(bool(0))
        self.read_data = Signal(intbv(0)[WORD_BITS:])
        self.read_valid = Signal(bool(0))
        self.running = Signal(bool(0))
