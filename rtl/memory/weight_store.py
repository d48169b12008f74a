"""The weight memory with both who read it: the beats and the host."""

from myhdl import Signal, always, always_comb, block, instances, intbv, modbv

from volley.firmware.isa import TAPS
from volley.rtl.delay import delay
from volley.rtl.memory.kept import kept_read
from volley.rtl.memory.ram import address_bits
from volley.rtl.memory.weight import CENTER, weight_memory


@block
def weight_store(clk, beat, later_valid, active, host, weights, design):
    """Nine words of weights (CI x CO bits each) for a beat, five cycles after it, or nine with ``reach``.

    beat: ``volley.rtl.control.beat.Beat``; later_valid: its ``valid``, a cycle later. host:
    ``volley.rtl.control.host_port.HostPort``.
    """
    bits = address_bits(design.weight_words)
    beat_address, address = (Signal(modbv(0)[bits:]) for _ in range(2))
    beat_tap = Signal(intbv(0)[len(beat.weight_tap) :])
    read, select = Signal(bool(0)), Signal(intbv(0)[TAPS:])
    address_inst = delay(clk, 1, beat.weight_address, beat_address)
    tap_inst = delay(clk, 4, beat.weight_tap, beat_tap)
    asked = read, address, select
    if design.reach:
        asked = tuple(Signal(signal.val) for signal in asked)
        reach_insts = [delay(clk, 3, *pair) for pair in zip((read, address, select), asked)]
    memory_inst = weight_memory(clk, host.weights, *asked, weights, design)
    wanted = later_valid
    if design.gate:
        wanted = Signal(bool(0))
        kept_inst = kept_read(clk, later_valid, beat_address, host.read_weights, wanted)

    always_read = bool(design.reach and not design.gate)  # an enable would have far to go too

    @always(clk.posedge)
    def share_reads():
        read.next = wanted or host.read_weights or always_read
        if host.read_weights:
            address.next = host.row
        else:
            address.next = beat_address

    @always_comb
    def select_tap():
        for tap in range(TAPS):
            if host.read_weights:
                select.next[tap] = host.bank == tap
            elif active.kernel3:
                select.next[tap] = tap == CENTER
            else:
                select.next[tap] = beat_tap == tap

    return instances()
