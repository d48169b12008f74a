"""The whole engine between the hard block's AXI streams and the bus."""

from myhdl import Signal, always, always_comb, block, concat, instances, intbv

from volley.firmware.fields import WORD_BITS
from volley.rtl.link.bus import Bus
from volley.rtl.link.pcie.async_fifo import async_fifo
from volley.rtl.link.pcie.bar_access import bar_access
from volley.rtl.link.pcie.beats import BEAT, RX_BITS, TX_BITS, beats_to_dwords, dwords_to_beats
from volley.rtl.link.pcie.error_flags import LinkErrors
from volley.rtl.link.pcie.packet_ring import packet_ring
from volley.rtl.link.pcie.tlp_format import BEAT_BITS, DW_BITS, TlpRequest
from volley.rtl.link.pcie.tlp_rx import tlp_rx
from volley.rtl.link.pcie.tlp_tx import tlp_tx
from volley.rtl.link.stream import Stream

RESET_CYCLES = 32  # of user_clk, that a reset lasts at least
KEEP_BITS = BEAT_BITS // 8
RX_USER_BITS, TX_USER_BITS = 22, 4
USER_ECRC, USER_POISONED, USER_BAR0 = 0, 1, 2  # bits of the receiver's tuser


class AxiPort:
    """Beats of the hard block, named as its ports without their prefix; the rules are those of ``Stream``.

    tdata 64 bits, the first DW in the low ones; tkeep FF, or 0F in a last beat of one DW; tuser.
    """

    def __init__(self, user_bits):
        self.tdata = Signal(intbv(0)[BEAT_BITS:])
        self.tkeep = Signal(intbv(0)[KEEP_BITS:])
        self.tlast, self.tvalid, self.tready = (Signal(bool(0)) for _ in range(3))
        self.tuser = Signal(intbv(0)[user_bits:])


class DeviceId:
    """``cfg_bus_number``, ``cfg_device_number``, ``cfg_function_number`` of the hard block."""

    def __init__(self):
        self.bus = Signal(intbv(0)[8:])
        self.device = Signal(intbv(0)[5:])
        self.function = Signal(intbv(0)[3:])


@block
def engine(clk, rst, received, sent, bus):
    """From beats to beats, in the clock of the bus.

    received: a ``Stream`` of RX_BITS. sent: one of TX_BITS; both with ``last``. bus: a ``Bus``, of which
    this is the master. One request after another: a read waits for the writes before it.
    """
    parts, damaged = Stream(DW_BITS), Signal(bool(0))
    beats_to_dwords_inst = beats_to_dwords(clk, rst, received, parts, damaged)

    packets, errors = Stream(DW_BITS), LinkErrors()
    packet_ring_inst = packet_ring(clk, rst, parts, damaged, packets, errors.dropped)

    request, payload = TlpRequest(), Stream(WORD_BITS)
    tlp_rx_inst = tlp_rx(clk, rst, packets, request, payload, errors.poisoned, errors.unsupported)

    words, done = Stream(WORD_BITS), Signal(bool(0))
    bar_access_inst = bar_access(clk, rst, request, payload, words, bus, errors, done)

    answers, answered = Stream(DW_BITS), Signal(bool(0))
    tlp_tx_inst = tlp_tx(clk, rst, request, words, answers, answered)
    dwords_to_beats_inst = dwords_to_beats(clk, rst, answers, sent)

    @always_comb
    def end_request():
        request.ready.next = done or answered

    return instances()


@block
def stretched_reset(user_clk, user_rst, held, clk, rst):
    """held: ``user_rst`` for RESET_CYCLES cycles more, in its clock; rst: the same in ``clk``."""
    left = Signal(intbv(RESET_CYCLES, min=0, max=RESET_CYCLES + 1))
    meta = Signal(bool(1))

    @always(user_clk.posedge)
    def stretch():
        held.next = True
        if user_rst:
            left.next = RESET_CYCLES
        elif left != 0:
            left.next = left - 1
        else:
            held.next = False

    @always(clk.posedge)
    def synchronise():
        meta.next = held
        rst.next = meta

    return instances()


@block
def pcie_endpoint(user_clk, user_rst, rx, tx, device_id, clk, bus):
    """BAR0 on the bus, behind AMD's ``pcie_7x`` with 64 bits.

    user_clk, user_rst: ``user_clk_out`` and ``user_reset_out``; a reset, of three cycles or
    more, empties all. rx, tx: ``AxiPorts`` of m_axis_rx_* and s_axis_tx_*. device_id: a ``DeviceId``; it goes with each request to its completion.
    clk: of the bus, not slower than an eighth of user_clk. bus: a ``volley.rtl.link.bus.Bus``, of which
    this is the master; a reset may take back an access.

    Stale beats can leave the receiving FIFO in the cycles before a reset has crossed; a
    packet takes longer than that from there to the bus.
    """
    held, rst = Signal(bool(1)), Signal(bool(1))
    stretched_reset_inst = stretched_reset(user_clk, user_rst, held, clk, rst)

    arriving, received = Stream(RX_BITS), Stream(RX_BITS)
    rx_fifo_inst = async_fifo(user_clk, held, arriving, clk, rst, received)

    sent, leaving = Stream(TX_BITS), Stream(TX_BITS)
    engine_inst = engine(clk, rst, received, sent, bus)
    tx_fifo_inst = async_fifo(clk, rst, sent, user_clk, held, leaving)

    both, low_half = BEAT["both"].lsb, (1 << KEEP_BITS // 2) - 1
    both_halves, high = (1 << KEEP_BITS) - 1, KEEP_BITS // 2

    @always_comb
    def receive():
        arriving.data.next = concat(
            device_id.bus, device_id.device, device_id.function,
            rx.tuser[USER_BAR0], rx.tuser[USER_ECRC] or rx.tuser[USER_POISONED],
            rx.tkeep[high], rx.tdata,
        )  # fmt: skip
        arriving.last.next = rx.tlast
        arriving.valid.next = rx.tvalid and not held
        rx.tready.next = arriving.ready and not held

    @always_comb
    def transmit():
        tx.tdata.next = leaving.data[BEAT_BITS:]
        tx.tkeep.next = low_half
        if leaving.data[both]:
            tx.tkeep.next = both_halves
        tx.tlast.next = leaving.last
        tx.tvalid.next = leaving.valid
        tx.tuser.next = 0
        leaving.ready.next = tx.tready

    return instances()


def endpoint_instance():
    """A ``pcie_endpoint`` by itself, with its bundles as ports like ``rx_tdata``, for conversion."""
    user_clk, user_rst, clk = (Signal(bool(0)) for _ in range(3))
    rx, tx = AxiPort(RX_USER_BITS), AxiPort(TX_USER_BITS)
    return pcie_endpoint(user_clk, user_rst, rx, tx, DeviceId(), clk, Bus())
