"""Holds a packet back until all of it is there and is known to be whole."""

from myhdl import Signal, always, always_comb, block, concat, instances, intbv, modbv


@block
def packet_ring(clk, rst, source, bad, sink, dropped, address_bits=9):
    """Packets of ``source`` leave at ``sink``, each after its last item, unless it is ``bad``.

    source, sink: ``Streams`` of the same width, with ``last``. bad: counts with a packet's last item.
    dropped: one cycle, a packet left no trace: it was bad, or longer than 2^address_bits - 1 items.
    """
    width = len(source.data)
    ring = [Signal(intbv(0)[width + 1 :]) for _ in range(1 << address_bits)]
    head = Signal(modbv(0)[address_bits:])  # where the next item goes
    base = Signal(modbv(0)[address_bits:])  # where the open packet begins
    tail = Signal(modbv(0)[address_bits:])  # the next item to leave
    full = Signal(bool(0))
    too_long = Signal(bool(0))  # the open packet alone fills the ring
    refused = Signal(bool(0))  # it did, and what is left of it is passed over

    @always_comb
    def drive_full():
        after = modbv(0)[address_bits:]
        after[:] = head + 1
        full.next = after == tail
        too_long.next = (after == tail) and base == tail

    @always_comb
    def drive_ready():
        source.ready.next = too_long or refused or not full

    @always(clk.posedge)
    def write_ring():
        dropped.next = False
        if rst:
            head.next = 0
            base.next = 0
            refused.next = False
        elif source.valid and source.ready:
            if source.last:
                refused.next = False
                if bad or refused or too_long:
                    head.next = base
                    dropped.next = True
                else:
                    ring[head].next = concat(source.last, source.data)
                    head.next = head + 1
                    base.next = head + 1
            elif too_long or refused:
                head.next = base
                refused.next = True
            else:
                ring[head].next = concat(source.last, source.data)
                head.next = head + 1

    @always(clk.posedge)
    def read_ring():
        item = intbv(0)[width + 1 :]
        if rst:
            tail.next = 0
            sink.valid.next = False
        elif sink.ready or not sink.valid:
            sink.valid.next = tail != base
            if tail != base:
                item[:] = ring[tail]
                sink.data.next = item[width:]
                sink.last.next = item[width]
                tail.next = tail + 1

    return instances()
