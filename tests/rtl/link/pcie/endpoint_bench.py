"""The endpoint between a root port's packets and a memory behind the bus."""

from myhdl import Signal, delay, instance

from tests.rtl.link.pcie.axi import axi_sink, axi_source
from tests.support.bench import clock, flag, run_bench
from tests.support.link_device import bus_memory
from volley.rtl.convert.myhdl_speedup import quick_inspect
from volley.rtl.link.bus import Bus
from volley.rtl.link.pcie.pcie_endpoint import (
    RESET_CYCLES,
    RX_USER_BITS,
    TX_USER_BITS,
    AxiPort,
    DeviceId,
    pcie_endpoint,
)

RESET_LASTS = 4  # cycles of user_rst
CORE_PERIOD = 8  # of the bus's clock; user_clk has bench.PERIOD


def id_number(bus=1, device=0, function=0):
    """An ID as the 16 bits of a packet."""
    return bus << 8 | device << 3 | function


class Root:
    """What a test's script sees: a generator.

    memory: a dict, or pairs to begin with. arrivals: list of ``Arrivals`` to send. packets: lists of DW that came back. memory, started: as in
    ``link_device.Device``. device_id: the hard block's ID, as signals. stalled: the root port takes
    nothing while it is true. reset: call it for a reset of the link.
    """

    def __init__(self, memory):
        self.arrivals, self.packets, self.started = [], [], []
        self.memory = memory if isinstance(memory, dict) else dict(memory)
        self.device_id, self.stalled, self.resetting = DeviceId(), False, False
        self.user_rst = Signal(bool(0))
        self.ending = []

    def reset(self):
        self.resetting = True

    def end_run(self):
        """The program that runs comes to its end."""
        self.ending.append(True)

    def take(self):
        """The packets since the last call."""
        packets = list(self.packets)
        self.packets.clear()
        return packets


@quick_inspect()
def rtl_endpoint(script, memory=(), source_share=1.0, sink_share=1.0, ready_share=0.8, seed=1):
    """Runs ``script(root)``; it yields how many packets it waits for, or a tuple of clock cycles.
    Returns the ``Root``."""
    root = Root(memory)
    user_clk, clk, done = clock(), clock(), flag()
    rx, tx, bus = AxiPort(RX_USER_BITS), AxiPort(TX_USER_BITS), Bus()
    dut = pcie_endpoint(user_clk, root.user_rst, rx, tx, root.device_id, clk, bus)
    slave = bus_memory(clk, bus, root.memory, root.started, ready_share, seed, ending=root.ending)
    source = axi_source(user_clk, rx, root.arrivals, source_share, seed)
    sink = axi_sink(
        user_clk, root.user_rst, tx, root.packets, sink_share, seed + 1, lambda: root.stalled
    )

    @instance
    def drive_clk():
        yield delay(1)
        while True:
            clk.next = not clk
            yield delay(CORE_PERIOD // 2)

    @instance
    def play():
        root.device_id.bus.next = 1
        for _ in range(3 * RESET_CYCLES // 2):
            yield user_clk.posedge
        for wanted in script(root):
            if isinstance(wanted, tuple):
                for _ in range(*wanted):
                    yield user_clk.posedge
            else:
                while root.arrivals or len(root.packets) < wanted:
                    yield user_clk.posedge
            if root.resetting:
                root.user_rst.next, root.resetting = True, False
                for _ in range(RESET_LASTS):
                    yield user_clk.posedge
                root.user_rst.next = False
                for _ in range(2 * RESET_CYCLES):
                    yield user_clk.posedge
        for _ in range(60):
            yield user_clk.posedge
        assert not root.packets, f"packets that nobody waited for: {root.packets}"
        done.next = True

    parts = [dut, slave, source, sink, drive_clk, play]
    run_bench(parts, user_clk, done, 60_000)
    return root
