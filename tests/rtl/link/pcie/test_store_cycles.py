"""Cycles of the bus's clock that the engine takes for stores: what firmware/lines.py reckons with."""

import pytest
from myhdl import now

from tests.rtl.link.pcie.endpoint_bench import CORE_PERIOD, rtl_endpoint
from tests.rtl.link.pcie.test_pcie_endpoint import errors_are, send, write
from volley.firmware.lines import store_cycles
from volley.firmware.pcie import WINDOW_PLACE

STORES = 40


class TimedMemory(dict):
    """Notes when each word was written."""

    def __init__(self):
        super().__init__()
        self.times = []

    def __setitem__(self, address, word):
        self.times.append(now())
        super().__setitem__(address, word)


@pytest.mark.parametrize("words", [1, 2, 16])
def test_stores_one_behind_another(words):
    memory = TimedMemory()

    def stores(root):
        for number in range(STORES):
            send(root, write(WINDOW_PLACE + words * number, [number] * words))
        yield from errors_are(root)

    rtl_endpoint(stores, memory, ready_share=1.0)
    first = memory.times[words - 1 :: words]
    cycles = (first[-1] - first[0]) / CORE_PERIOD / (STORES - 1)
    print(f"{words} words: {cycles:.2f} cycles a packet")
    assert cycles == pytest.approx(store_cycles(words), abs=0.6)
