"""FIFO between two clocks."""

from myhdl import Signal, always, always_comb, block, concat, instances, intbv, modbv


@block
def async_fifo(write_clk, write_rst, source, read_clk, read_rst, sink, address_bits=5):
    """Items of ``source``, in the clock ``write_clk``, leave in order at ``sink``, in ``read_clk``.

    source, sink: ``Streams`` of the same width, with ``last``. address_bits: of a place for an item; at
    least 2. write_rst, read_rst: synchronous, each in its clock. Both must be set together for
    three cycles of the slower clock; what leaves while only one is set means nothing.

    The counters of items cross in Gray code, one bit a step, through two flip-flops.

    Raises ``ValueError``.
    """
    if address_bits < 2:
        raise ValueError(f"address_bits is {address_bits}, allowed is 2 or more")
    width, bits = len(source.data), address_bits + 1
    wrapped = 3 << bits - 2  # Gray codes a whole memory apart differ in the two highest bits
    memory = [Signal(intbv(0)[width + 1 :]) for _ in range(1 << address_bits)]
    written = Signal(modbv(0)[bits:])
    taken = Signal(modbv(0)[bits:])
    written_gray, written_meta, written_seen = (Signal(intbv(0)[bits:]) for _ in range(3))
    taken_gray, taken_meta, taken_seen = (Signal(intbv(0)[bits:]) for _ in range(3))

    @always_comb
    def drive_ready():
        source.ready.next = written_gray != (taken_seen ^ wrapped)

    @always(write_clk.posedge)
    def write_item():
        after = modbv(0)[bits:]
        if write_rst:
            written.next = 0
            written_gray.next = 0
        elif source.valid and source.ready:
            memory[written[address_bits:]].next = concat(source.last, source.data)
            after[:] = written + 1
            written.next = after
            written_gray.next = after ^ (after >> 1)

    @always(write_clk.posedge)
    def see_taken():
        taken_meta.next = taken_gray
        taken_seen.next = taken_meta

    @always(read_clk.posedge)
    def see_written():
        written_meta.next = written_gray
        written_seen.next = written_meta

    @always(read_clk.posedge)
    def read_item():
        after = modbv(0)[bits:]
        item = intbv(0)[width + 1 :]
        if read_rst:
            taken.next = 0
            taken_gray.next = 0
            sink.valid.next = False
        elif sink.ready or not sink.valid:
            sink.valid.next = taken_gray != written_seen
            if taken_gray != written_seen:
                item[:] = memory[taken[address_bits:]]
                sink.data.next = item[width:]
                sink.last.next = item[width]
                after[:] = taken + 1
                taken.next = after
                taken_gray.next = after ^ (after >> 1)

    return instances()
