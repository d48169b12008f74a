"""Counters of each layer's cycles and spikes."""

from myhdl import Signal, always, always_comb, block, instances, intbv, modbv

from volley.firmware.registers import BEFORE
from volley.rtl.memory.ram import address_bits, banked_address, banked_words

COUNT_BITS = 32


@block
def layer_counter(clk, restart, amount, account, layer, read, read_layer, count, banks, layers):
    """Adds up ``amount`` each cycle, and at ``account`` adds the sum to the counter of ``layer``.

    restart: clears all counters, in as many cycles as there are layers (shorter than the fetch and
    the drain before the first ``account``). count: counter ``read_layer``, a cycle after ``read``.
    banks: (of the run, of what is read), bools, or (None, None) where there is one.
    """
    bits = address_bits(layers)
    depth = banked_words(layers, banks[0])
    counts = [Signal(intbv(0)[COUNT_BITS:]) for _ in range(depth)]
    look_at, store_at, read_at = (Signal(modbv(0)[address_bits(depth) :]) for _ in range(3))
    total = Signal(modbv(0)[COUNT_BITS:])
    addend = Signal(intbv(0)[COUNT_BITS:])
    before = Signal(intbv(0)[COUNT_BITS:])
    summed = Signal(modbv(0)[COUNT_BITS:])
    to_add = Signal(modbv(0)[bits:])
    to_write = Signal(modbv(0)[bits:])
    adding = Signal(bool(0))
    writing = Signal(bool(0))
    clearing = Signal(bool(0))
    address_insts = [
        banked_address(banks[0], layer, look_at, layers),
        banked_address(banks[0], to_write, store_at, layers),
        banked_address(banks[1], read_layer, read_at, layers),
    ]

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
            before.next = counts[look_at]
        if read:
            count.next = counts[read_at]

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
            counts[store_at].next = summed

    return instances()


class RunCounters:
    """What the counters show: cycles of a run, runs up to it, and a word of each layer's counters.

    banks: of the results of the run that was started last, and of those that the host asks for, bools; None
    where those of one run are kept.
    """

    def __init__(self, kept=1):
        self.cycles, self.runs = (Signal(modbv(0)[32:]) for _ in range(2))
        self.layer_cycles, self.layer_spikes = (Signal(intbv(0)[COUNT_BITS:]) for _ in range(2))
        self.banks = (Signal(bool(0)), Signal(bool(0))) if kept == 2 else (None, None)


@block
def run_counter(clk, start, running, cycles, runs):
    """cycles, runs = cycles of the run that was started last, and runs since power-up."""

    @always(clk.posedge)
    def count_run():
        if start:
            cycles.next = 0
            runs.next = runs + 1
        elif running:
            cycles.next = cycles + 1

    return instances()


@block
def two_runs(clk, bus, running, counters):
    """``run_counter`` that shows the run before the last where the host reads at BEFORE, and drives the banks."""
    cycles, runs, cycles_before = (Signal(modbv(0)[32:]) for _ in range(3))
    before, before_bit = Signal(bool(0)), BEFORE.bit_length() - 1
    bank, shown_bank = counters.banks
    start, address = bus.run, bus.address
    run_counter_inst = run_counter(clk, start, running, cycles, runs)

    @always(clk.posedge)
    def latch_bank():
        if bus.read:
            before.next = address[before_bit]

    @always_comb
    def drive_banks():
        bank.next = runs[0]
        shown_bank.next = runs[0]
        if before:
            shown_bank.next = not runs[0]

    @always(clk.posedge)
    def keep_cycles():
        if start:
            cycles_before.next = cycles

    @always(clk.posedge)
    def show_run():
        counters.cycles.next = cycles
        counters.runs.next = runs
        if before:
            counters.cycles.next = cycles_before
            counters.runs.next = runs - 1

    return instances()


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
    address, banks = bus.address, counters.banks

    @always_comb
    def drive_amount():
        amount.next = issuing
        shown_layer.next = latched_layer

    @always(clk.posedge)
    def latch_layer():
        if bus.read:
            latched_layer.next = address[9:1]

    cycles_inst = layer_counter(
        clk, start, amount, account, layer, read, shown_layer, counters.layer_cycles, banks, layers
    )
    spikes_inst = layer_counter(
        clk,
        start,
        spike_total,
        account,
        layer,
        read,
        shown_layer,
        counters.layer_spikes,
        banks,
        layers,
    )
    if banks[0] is None:
        run_inst = run_counter(clk, start, running, counters.cycles, counters.runs)
    else:
        run_inst = two_runs(clk, bus, running, counters)
    return instances()
