"""A cocotb test: a root complex finds the converted top, and the driver classifies pictures through it.

Runs inside the simulator, see test_root_complex.py. The hard block is a function of cocotbext-pcie that has the
configuration space, and moves all other packets to and from the streams of module ``volley``.
"""

import collections
import os

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.task import bridge, resume
from cocotb.triggers import ReadOnly, RisingEdge
from cocotbext.pcie.core import Device as PcieDevice
from cocotbext.pcie.core import Endpoint, RootComplex
from cocotbext.pcie.core.tlp import TlpType

from tests.rtl.link.pcie.axi import Arrival
from tests.rtl.link.pcie.packets import dwords, parse
from tests.support.random_models import network
from volley.firmware import pcie
from volley.firmware.compiler.program import compile_model
from volley.firmware.design import Design, parse_settings
from volley.host import Device
from volley.host.pcie.bar import Bar
from volley.host.pcie.bar_link import BarLink
from volley.model import golden

SETTINGS = "VOLLEY_TEST_DESIGN"  # the environment's name for the design's parameters
MODEL, SHAPE, PICTURES = "4C3-P2-10", (1, 8, 8), 3
CORE_NS, USER_NS = 10, 8
CONFIG = (TlpType.CFG_READ_0, TlpType.CFG_WRITE_0, TlpType.CFG_READ_1, TlpType.CFG_WRITE_1)
COMPLETIONS = (TlpType.CPL, TlpType.CPL_DATA, TlpType.CPL_LOCKED, TlpType.CPL_LOCKED_DATA)


class HardBlock(Endpoint):
    """The function of a 7-series block: BAR0 and the IDs of firmware/pcie.py."""

    def __init__(self, dut):
        super().__init__()
        self.dut, self.arrivals = dut, collections.deque()
        self.vendor_id, self.device_id = pcie.VENDOR_ID, pcie.DEVICE_ID
        self.class_code = pcie.CLASS_CODE
        self.configure_bar(0, pcie.BAR_BYTES)
        for kind in TlpType:
            if kind not in CONFIG + COMPLETIONS:
                self.register_rx_tlp_handler(kind, self.take)

    async def take(self, tlp):
        """Puts a packet from the root port in front of the engine."""
        self.arrivals.append(Arrival(dwords(tlp), bar=bool(self.match_bar(tlp.address))))

    async def give_beats(self):
        """Drives pcie_rx_*."""
        dut = self.dut
        while True:
            dut.pcie_rx_tvalid.value = 0
            while not self.arrivals:
                await RisingEdge(dut.pcie_clk)
            dut.pcie_id_bus.value = self.pcie_id.bus
            dut.pcie_id_device.value = self.pcie_id.device
            dut.pcie_id_function.value = self.pcie_id.function
            for data, keep, last, user in self.arrivals.popleft().beats():
                dut.pcie_rx_tdata.value, dut.pcie_rx_tkeep.value = data, keep
                dut.pcie_rx_tlast.value, dut.pcie_rx_tuser.value = int(last), user
                dut.pcie_rx_tvalid.value = 1
                while True:
                    await ReadOnly()
                    taken = int(dut.pcie_rx_tready.value)
                    await RisingEdge(dut.pcie_clk)
                    if taken:
                        break

    async def take_beats(self):
        """Takes packets from pcie_tx_* to the root port."""
        dut, words = self.dut, []
        dut.pcie_tx_tready.value = 1
        while True:
            await RisingEdge(dut.pcie_clk)
            await ReadOnly()
            # what shows here passes at the next edge
            beat = int(dut.pcie_tx_tvalid.value) and (
                int(dut.pcie_tx_tdata.value), int(dut.pcie_tx_tkeep.value),
                int(dut.pcie_tx_tlast.value),
            )  # fmt: skip
            if not beat:
                continue
            data, keep, last = beat
            words.append(data & 0xFFFFFFFF)
            if keep == 0xFF:
                words.append(data >> 32)
            if last:
                await self.send(parse(words))
                words = []


class SimulatedBar(Bar):
    """BAR0 as the root complex reaches it; to be used in a thread of ``bridge``."""

    name = "pcie:simulated"

    def __init__(self, window):
        self.window = window

    def load_block(self, place, count):
        async def load():
            data = b""
            for at, size in pcie.accesses(place, count):
                data += await self.window.read(4 * at, 4 * size)
            return data

        return np.frombuffer(resume(load)(), "<u4").tolist()

    def store_block(self, place, words):
        async def store():
            data = np.asarray(words, "<u4").tobytes()
            for at, size in pcie.accesses(place, len(words)):
                offset = 4 * (at - place)
                await self.window.write(4 * at, data[offset : offset + 4 * size])

        resume(store)()

    def close(self):
        pass


def classify(window):
    """The driver's session; AssertionError where it differs from golden."""
    design = Design(**parse_settings(os.environ[SETTINGS]))
    model = network(MODEL, SHAPE)
    loaded, images = model.model(), model.images(PICTURES)
    wanted = golden.run(loaded, images)
    with Device(BarLink(SimulatedBar(window))) as device:
        device.run_timeout = 1000
        assert device.identity.design == design
        program = compile_model(loaded, design)
        device.load(program, verify=True)
        results = list(device.infer_many(images))
        assert len(results) == PICTURES
        for k, result in enumerate(results):
            np.testing.assert_array_equal(result.scores, wanted.scores[k])
            assert result.label == wanted.labels[k]
            assert result.spikes == wanted.spike_counts[k].tolist()
        found = device.trace_map(images[0], 0)
        np.testing.assert_array_equal(found, wanted.maps[0][0])
    return [result.cycles for result in results]


@cocotb.test()
async def inference_through_a_root_complex(dut):
    for name in ("rst", "pcie_rst", "pcie_rx_tvalid", "pcie_rx_tdata", "pcie_rx_tkeep",
                 "pcie_rx_tlast", "pcie_rx_tuser", "pcie_id_bus", "pcie_id_device",
                 "pcie_id_function", "pcie_tx_tready"):  # fmt: skip
        getattr(dut, name).value = 0
    dut.rx.value = 1
    Clock(dut.clk, CORE_NS, "ns").start()
    Clock(dut.pcie_clk, USER_NS, "ns").start()
    for _ in range(80):
        await RisingEdge(dut.pcie_clk)

    block = HardBlock(dut)
    cocotb.start_soon(block.give_beats())
    cocotb.start_soon(block.take_beats())
    root = RootComplex()
    root.make_port().connect(PcieDevice(block))
    await root.enumerate()
    found = root.find_device(block.pcie_id)
    assert (found.vendor_id, found.device_id) == (pcie.VENDOR_ID, pcie.DEVICE_ID)
    assert found.bar_size[0] == pcie.BAR_BYTES
    await found.enable_device()
    cycles = await bridge(classify)(found.bar_window[0])
    dut._log.info("cycles of the pictures: %s", cycles)
