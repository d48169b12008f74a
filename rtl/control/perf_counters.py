"""Counters of each layer's cycles and spikes."""

from myhdl import Signal, always, always_comb, block, instances, intbv, modbv

from volley.rtl.memory.ram import address_bits

COUNT_BITS = 32


@block
def layer_counter(clk, restart, amount, account, layer, read, read_layer, count, layers):
    """Adds up ``amount`` each cycle, and at ``account`` adds the sum to the counter of ``layer``.

    restart: clears all counters, in as many cycles as there are layers (shorter than the fetch and
    the drain before the first ``account``). count: counter ``read_layer``, a cycle after ``read``.
    """
    bits = address_bits(layers)
    counts = [Signal(intbv(0)[COUNT_BITS:]) for _ in range(layers)]
    total = Signal(modbv(0)[COUNT_BITS:])
    addend = Signal(intbv(0)[COUNT_BITS:])
    before = Signal(intbv(0)[COUNT_BITS:])
    summed = Signal(modbv(0)[COUNT_BITS:])
    to_add = Signal(modbv(0)[bits:])
    to_write = Signal(modbv(0)[bits:])
    adding = Signal(bool(0))
    writing = Signal(bool(0))
    clearing = Signal(bool(0))

    @always(clk.posedge)
    def add_up():
        if restart:
            total.next = 0
        elif account:
            total.next = amount
        elif amount != 0:
            total.next = total + amount

    @always(clk.posedge)
    def look_up():
        adding.next = account
        if account:
            to_add.next = layer
            addend.next = total
            before.next = counts[layer]
        if read:
            count.next = counts[read_layer]

    @always(clk.posedge)
    def sum_up():
        writing.next = False
        if restart:
            clearing.next = True
            writing.next = True
            to_write.next = 0
            summed.next = 0
        elif clearing:
            writing.next = True
            to_write.next = to_write + 1
            if to_write == layers - 1:
                clearing.next = False
                writing.next = False
        elif adding:
            writing.next = True
            to_write.next = to_add
            summed.next = before + addend

    @always(clk.posedge)
    def store_count():
        if writing:
            counts[to_write].next = summed

    return instances()


class RunCounters:
    """What the counters show: cycles of the last run, runs, and a word of each layer's counters."""

    def __init__(self):
        self.cycles, self.runs = (Signal(modbv(0)[32:]) for _ in range(2))
        self.layer_cycles, self.layer_spikes = (Signal(intbv(0)[COUNT_BITS:]) for _ in range(2))


@block
def run_counters(clk, bus, run, layer, spike_total, read, counters, layers):
    """Counts cycles and runs, and for each layer the cycles that it issues and its spikes.

    run: ``volley.rtl.control.sequencer.RunControl``; layer: the one that issues. read: the host asks for
    the counters of the layer that it addresses. counters: RunCounters.
    """
    shown_layer = Signal(modbv(0)[address_bits(layers) :])
    amount = Signal(intbv(0)[1:])
    latched_layer = Signal(modbv(0)[8:])
    start, running, issuing, account = bus.run, run.running, run.issuing, run.account
    address = bus.address

    @always_comb
    def drive_amount():
        amount.next = issuing
        shown_layer.next = latched_layer

    @always(clk.posedge)
    def latch_layer():
        latched_layer.next = address[9:1]

    cycles_inst = layer_counter(
        clk, start, amount, account, layer, read, shown_layer, counters.layer_cycles, layers
    )
    spikes_inst = layer_counter(
        clk, start, spike_total, account, layer, read, shown_layer, counters.layer_spikes, layers
    )

    @always(clk.posedge)
    def count_run():
        if start:
            counters.cycles.next = 0
            counters.runs.next = counters.runs + 1
        elif running:
            counters.cycles.next = counters.cycles + 1

    return instances()
