"""Memories with one write port and one registered read port."""

from myhdl import Signal, always, always_comb, block, concat, instances, intbv

from volley.rtl.delay import delay

BLOCK_BITS = 16384
"""Bits of the block RAMs of ECP5 and Gowin without parity; a 36-kbit one is two of them."""

FEW_WORDS = 128
"""What LUT RAM holds at most."""


def address_bits(depth):
    """Bits of an address of ``depth`` words, at least 1."""
    return max(1, (depth - 1).bit_length())


def column_bits(columns):
    """Bits of the address that choose one of so many words of 32 bits, a power of two; 0 for one."""
    return address_bits(columns) if columns > 1 else 0


@block
def ram(clk, write, write_address, write_data, read, read_address, read_data, depth):
    """``depth`` words as wide as ``read_data``; a word written in one cycle can be read in the next.

    read_data keeps its value while ``read`` is not set. Latency of a read: 1.
    """
    words = [Signal(intbv(0)[len(read_data) :]) for _ in range(depth)]

    @always(clk.posedge)
    def write_port():
        if write:
            words[write_address].next = write_data

    @always(clk.posedge)
    def read_port():
        if read:
            read_data.next = words[read_address]

    return instances()


def banked_words(words, bank):
    """Depth of a memory of two banks of so many words, or of one where ``bank`` is None."""
    return words if bank is None else 2 << address_bits(words)


@block
def banked_address(bank, word, address, words):
    """address = that of ``word``, below ``words``, in a memory of ``banked_words``; bank: bool, or None."""
    bits = address_bits(words)
    if bank is None:

        @always_comb
        def drive_address():
            address.next = word

    else:

        @always_comb
        def drive_address():
            address.next = concat(bank, word[bits:])

    return instances()


class SelectedWrite:
    """A write that several memories see: ``data`` goes to ``address`` of the one whose number is ``number``."""

    def __init__(self, write, number, address, data):
        self.write, self.number, self.address, self.data = write, number, address, data


@block
def selected_words(clk, port, this, read, read_address, read_data, depth, first, whole):
    """The words from ``first`` on, ``depth`` of them; a write is taken if ``port.number`` is ``this``.

    port: SelectedWrite. first: a multiple of the power of two that holds ``depth``. whole: there are no words but these.
    Latency of a read: 1.
    """
    words = [Signal(intbv(0)[len(read_data) :]) for _ in range(depth)]
    bits, end = address_bits(depth), first + depth
    write, number, write_address = port.write, port.number, port.address

    @always(clk.posedge)
    def write_port():
        if write and number == this and write_address >= first and write_address < end:
            words[write_address[bits:]].next = port.data

    if whole or depth == 1 << bits:

        @always(clk.posedge)
        def read_port():
            if read:
                read_data.next = words[read_address[bits:]]

    else:

        @always(clk.posedge)
        def read_port():
            if read and read_address >= first and read_address < end:
                read_data.next = words[read_address[bits:]]

    return instances()


@block
def register_part(clk, read, read_address, split, before, after, read_data):
    """read_data = ``after`` if the address read last was ``split`` or more, else ``before``.

    before, after: as the memories show them. Latency 2 from ``read``.
    """
    beyond = Signal(bool(0))

    @always(clk.posedge)
    def remember():
        if read:
            beyond.next = read_address >= split

    @always(clk.posedge)
    def choose():
        if beyond:
            read_data.next = after
        else:
            read_data.next = before

    return instances()


def remainder(depth, bits):
    """Words beyond whole block RAMs of 16 kbit, if so few that LUT RAM holds them; else 0."""
    block_words = BLOCK_BITS >> max(3, (bits - 1).bit_length())
    rest = depth % block_words
    return rest if depth > block_words and rest <= FEW_WORDS else 0


@block
def selected_ram(clk, port, this, read, read_address, read_data, depth):
    """A ``ram`` that takes a write only if ``port.number`` equals the constant ``this``.

    port: SelectedWrite. Latency of a read: 2. A block RAM takes most of a cycle to show a word, so a register follows. A few words beyond whole
    block RAMs go to LUT RAM rather than to one more.
    """
    ports = (clk, port, this, read, read_address)
    rest = remainder(depth, len(read_data))
    split = depth - rest
    before = Signal(intbv(0)[len(read_data) :])
    parts = [selected_words(*ports, before, split, 0, not rest)]
    if rest:
        after = Signal(intbv(0)[len(read_data) :])
        parts.append(selected_words(*ports, after, rest, split, False))
        parts.append(register_part(clk, read, read_address, split, before, after, read_data))
    else:
        parts.append(delay(clk, 1, before, read_data))
    return parts
