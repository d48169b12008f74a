"""Takes a picture, byte by byte, or whole words from the host into the spike memory.

Each byte of a picture is a pixel's bit planes.
"""

from myhdl import Signal, always, block, instances, intbv, modbv

from volley.firmware.isa import BANKS
from volley.firmware.registers import IMAGE_SHAPE
from volley.rtl.delay import delay
from volley.rtl.memory.ram import address_bits


@block
def byte_slot(clk, take, index, this, byte, accept_word, column, data, clear, held):
    """Byte ``this`` of the word that is being gathered."""
    mine, high, low = this // 4, 8 * (this % 4) + 8, 8 * (this % 4)

    @always(clk.posedge)
    def gather():
        if take and index == this:
            held.next = byte
        elif accept_word and column == mine:
            held.next = data[high:low]
        elif clear:
            held.next = 0

    return instances()


class ImageWrite:
    """The writer's side towards the bus and the spike memory.

    Driven by the writer: ready      a word is taken in this cycle
                          request    ``slots`` are to be written to ``bank`` at ``address``
    Driven by the spike memory's owner: grant
    slots: a byte for each of CI channels.
    """

    def __init__(self, ready, slots, design):
        self.ready, self.slots = ready, slots
        self.request, self.grant = (Signal(bool(0)) for _ in range(2))
        self.bank = Signal(intbv(0)[2:])
        self.address = Signal(modbv(0)[address_bits(design.spike_words) :])


@block
def image_writer(clk, host, data, write, design):
    """Gathers words of the spike memory from a stream of bytes in the order row, column, channel.

    host: ``volley.rtl.control.host_port.HostPort``; write: ImageWrite.
    image_start of host: with image_accept, the word is the first of a picture at word address
    image_base. image_shape: register IMAGE_SHAPE; image_stride: words from row y to row y + 3.
    data, image_accept: a 32-bit word, four bytes, taken in a cycle in which ``write.ready`` is set.
    ``write.request`` stays until ``write.grant``; the slots keep their values for one more cycle. Bytes
    after the last pixel are ignored. A pixel of up to CI channels takes two cycles a byte where its write is
    granted at once, and a 32-bit word four more, with ``reach`` five.
    word_accept: like image_accept, for 32-bit column word_column of the word at word_address of
    word_bank; the last column writes the word. It ends a picture that is not complete.
    """
    start, base, shape, stride = (
        host.image_start, host.image_base, host.image_shape, host.image_stride
    )  # fmt: skip
    accept, accept_word, column = host.image_accept, host.word_accept, host.word_column
    word_bank, word_address = host.word_bank, host.word_address
    asked, asked_word = accept, accept_word
    if design.reach:
        arriving = accept, accept_word, start, column, word_bank, word_address, base, data
        arrived = [Signal(signal.val) for signal in arriving]
        arrive_insts = [delay(clk, 1, *pair) for pair in zip(arriving, arrived)]
        accept, accept_word, start, column, word_bank, word_address, base, data = arrived
    ready, request, grant = write.ready, write.request, write.grant
    bank, address, slots = write.bank, write.address, write.slots
    fields = IMAGE_SHAPE
    w_msb, w_lsb = fields["width"].msb, fields["width"].lsb
    h_msb, h_lsb = fields["height"].msb, fields["height"].lsb
    c_msb, c_lsb = fields["channels"].msb, fields["channels"].lsb
    ci = design.ci

    pending = Signal(intbv(0)[32:])
    left = Signal(intbv(0)[3:])  # bytes of pending
    byte = Signal(intbv(0)[8:])
    take = Signal(bool(0))
    clear = Signal(bool(0))
    done = Signal(bool(1))
    index = Signal(intbv(0)[address_bits(ci) :])
    channel = Signal(intbv(0)[c_msb - c_lsb :])
    x = Signal(intbv(0)[w_msb - w_lsb :])
    row = Signal(intbv(0)[h_msb - h_lsb :])
    row_bank = Signal(intbv(0)[2:])
    row_base = Signal(intbv(0)[20:])
    group_offset = Signal(intbv(0)[20:])
    slot_insts = [
        byte_slot(clk, take, index, k, byte, accept_word, column, data, clear, slots[k])
        for k in range(ci)
    ]
    last_column = design.spike_columns - 1
    last_channel, last_x = Signal(modbv(0)[len(channel) :]), Signal(modbv(0)[len(x) :])
    last_row = Signal(modbv(0)[len(row) :])

    @always(clk.posedge)
    def find_last():
        last_channel.next = shape[c_msb:c_lsb] - 1
        last_x.next = shape[w_msb:w_lsb] - 1
        last_row.next = shape[h_msb:h_lsb] - 1

    @always(clk.posedge)
    def show_ready():
        ready.next = (
            left == 0
            and not asked
            and not asked_word
            and not accept
            and not accept_word
            and not take
            and not request
        )

    @always(clk.posedge)
    def step():
        take.next = False
        clear.next = False
        if accept:
            pending.next = data
            left.next = 4
            if start:
                index.next = 0
                channel.next = 0
                x.next = 0
                row.next = 0
                row_bank.next = 0
                row_base.next = base
                group_offset.next = 0
                clear.next = True
                done.next = False
        elif accept_word:
            done.next = True
            request.next = column == last_column
        elif take:
            # the byte that is being taken: does it end a word, a pixel, a row, the picture?
            if index == ci - 1 or channel == last_channel:
                request.next = True
            else:
                index.next = index + 1
                channel.next = channel + 1
        elif request:
            if grant:
                request.next = False
                clear.next = True
                index.next = 0
                if left != 0:  # the next byte meanwhile
                    byte.next = pending[8:]
                    pending.next = pending >> 8
                    left.next = left - 1
                    take.next = True
                if channel != last_channel:
                    channel.next = channel + 1
                    group_offset.next = group_offset + shape[w_msb:w_lsb]
                else:
                    channel.next = 0
                    group_offset.next = 0
                    if x != last_x:
                        x.next = x + 1
                    else:
                        x.next = 0
                        row.next = row + 1
                        if row == last_row:
                            done.next = True
                            take.next = False
                        if row_bank == BANKS - 1:
                            row_bank.next = 0
                            row_base.next = row_base + stride
                        else:
                            row_bank.next = row_bank + 1
        elif left != 0 and not clear:
            byte.next = pending[8:]
            pending.next = pending >> 8
            left.next = left - 1
            take.next = not done

    @always(clk.posedge)
    def show():
        if take:
            address.next = row_base + group_offset + x
            bank.next = row_bank
        elif accept_word:
            address.next = word_address
            bank.next = word_bank

    return instances()
