"""What the sequencer issues to the pipeline: beats and their targets."""

from myhdl import Signal, always, block, instances, intbv, modbv

from volley.firmware.isa import BANKS, INSTRUCTION, LANES, MAX_PASSES, TAPS
from volley.rtl.control.fields import field_signal
from volley.rtl.memory.ram import address_bits


class Beat:
    """What the sequencer issues; all signals hold for the one cycle in which ``valid`` is set.

    addresses       word address in each spike bank
    center          bank of the row under the middle of the kernel
    mask_*          that side of the kernel is padding
    first, last     the psum of this pixel starts, or is complete with this beat
    owed            the psum that is in the row buffer goes to a shared neuron, in a design with ``share``
    dropped         and fires nothing, in a design with ``odd``: the column that pooling leaves out
    pixel           index of the psum in the row buffer
    lane            the lane of a packed word in which the one pixel starts that is read
    weight_address, weight_tap
    target          see ``Target``
    """

    def __init__(self, design):
        self.target_layout = Target(design)
        spike_bits = address_bits(design.spike_words)
        self.valid = Signal(bool(0))
        self.addresses = [Signal(modbv(0)[spike_bits:]) for _ in range(BANKS)]
        self.center = field_signal(INSTRUCTION["in_bank"])
        self.mask_top, self.mask_bottom = (Signal(bool(0)) for _ in range(2))
        self.mask_left, self.mask_right = (Signal(bool(0)) for _ in range(2))
        self.first = Signal(bool(0))
        self.last = Signal(bool(0))
        self.owed = Signal(bool(0))
        self.dropped = Signal(bool(0))
        self.pixel = Signal(modbv(0)[address_bits(design.row_max) :])
        self.lane = Signal(modbv(0)[address_bits(LANES) :])
        self.weight_address = Signal(modbv(0)[address_bits(design.weight_words) :])
        self.weight_tap = Signal(intbv(0)[address_bits(TAPS) :])
        self.target = Signal(intbv(0)[self.target_layout.width :])


class Target:
    """Where a pixel, or a word of packed pixels, goes: (high, low) bounds in ``Beat.target``, or with ``halves``
    in the pipeline of a design with ``share``, where the lowest bit of pixel, sub and param is that of ``half``.

    odd_y: of the row. start, full: the first and the last of the beats of a row that share an output
    word. column: of that word, while pooling. part: number of the pass. pool_index: both. pixel: index in the row of
    membranes. cut: only some lanes fire. lane: where in the word the pixel's ticks start, or half a
    word's pooled pixels. sub, bank, address: of the word in the spike memory. param: of the neuron's
    parameters. half: of the channels that share neurons.
    """

    def __init__(self, design, halves=0):
        self.width = 0
        self.odd_y = self._field(1)
        self.start = self._field(1)
        self.full = self._field(1)
        self.column = self._field(address_bits(max(2, design.row_max // 2)))
        self.part = self._field(address_bits(MAX_PASSES))
        self.pool_index = self.part[0], self.column[1]
        if halves:
            self.half = self._field(1)
            self.pool_index = self.half[0], self.column[1]
        self.pixel = self._field(address_bits(design.row_max))
        if halves:
            self.pixel = self.pixel[0], self.half[1]
        self.cut = self._field(1)
        self.lane = self._field(address_bits(LANES))
        self.sub = self._field(address_bits(design.ci // design.co) + halves)
        self.bank = self._field(INSTRUCTION["out_bank"].width)
        self.address = self._field(address_bits(design.spike_words))
        self.param = self._field(address_bits(design.param_words) + halves)

    def _field(self, bits):
        self.width += bits
        return self.width, self.width - bits

    def bits(self, name):
        """Bits of a field."""
        high, low = getattr(self, name)
        return high - low

    def take(self, target, name):
        """A field of a delayed target, as a shadow signal."""
        high, low = getattr(self, name)
        return target(high, low) if high - low > 1 else target(low)


@block
def dropped_column(clk, loops, descriptor, beat):
    """Drives ``beat.dropped``; loops: ``volley.rtl.control.loop_nest.Loops``."""
    drop = Signal(bool(0))

    @always(clk.posedge)
    def copy_layer():
        if loops.load:
            drop.next = descriptor.drop_last

    @always(clk.posedge)
    def drive_dropped():
        beat.dropped.next = drop and loops.row_end

    return instances()


@block
def keep_undropped(clk, beat, flag, later_flag):
    """later_flag = flag, unless the beat is dropped. Latency 1."""

    @always(clk.posedge)
    def keep():
        later_flag.next = flag and not beat.dropped

    return instances()
