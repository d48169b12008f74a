"""The simulated board's PCIe side: packets over its socket, the pace of the line, cycles that repeat."""

import struct

import numpy as np
import pytest
from cocotbext.pcie.core.tlp import CplStatus, TlpType
from cocotbext.pcie.core.utils import PcieId

from tests.rtl.link.pcie.packets import parse, request
from tests.support.board import SMALL
from volley.firmware import pcie_socket
from volley.firmware.pcie import CONTROL_PLACE, WINDOW_PLACE, WINDOW_SHIFT, Control, control
from volley.firmware.pcie_socket import COUNTERS, COUNTERS_STRUCT, FRAME_BYTES, HEAD_BYTES, Kind
from volley.firmware.registers import MAGIC, Region, Register, address
from volley.fpga import sim_board
from volley.host.link import Link
from volley.host.transport import SerialTransport

pytestmark = pytest.mark.verilator
HEADER_BYTES = 12  # three DW


class Driver:
    """The driver's end of the socket."""

    def __init__(self, board):
        self.board, self.socket, self.tag = board, board.pcie, 0
        self.socket.settimeout(60)

    def message(self):
        """(kind, data) of the next message."""
        kind, length = pcie_socket.split_head(self._bytes(HEAD_BYTES))
        return kind, self._bytes(length)

    def _bytes(self, count):
        data = b""
        while len(data) < count:
            block = self.socket.recv(count - len(data))
            assert block, "the board closed its socket"
            data += block
        return data

    def counters(self):
        self.socket.sendall(pcie_socket.message(Kind.COUNTERS))
        kind, data = self.message()
        assert kind == Kind.COUNTERS
        return dict(zip(COUNTERS, COUNTERS_STRUCT.unpack(data)))

    def send(self, tlp):
        self.socket.sendall(pcie_socket.message(Kind.TLP, bytes(tlp.pack())))

    def store(self, place, *words):
        data = struct.pack(f"<{len(words)}I", *words)
        self.send(request(TlpType.MEM_WRITE, 0xF000_0000 + 4 * place, len(words), data=data))

    def load(self, place, count=1):
        """The words of one read."""
        asked = request(TlpType.MEM_READ, 0xF000_0000 + 4 * place, count, tag=self.tag)
        self.tag = (self.tag + 1) % 256
        self.send(asked)
        data, wanted = b"", 4 * count
        while len(data) < wanted:
            kind, packed = self.message()
            tlp = parse([word for (word,) in struct.iter_unpack(">I", packed)])
            assert kind == Kind.TLP and tlp.status == CplStatus.SC and tlp.tag == asked.tag
            assert tlp.completer_id == PcieId.from_int(pcie_socket.COMPLETER)
            assert tlp.byte_count == wanted - len(data)
            data += tlp.data
        return list(struct.unpack(f"<{count}I", data))


@pytest.fixture
def driver():
    with sim_board.start("sim", {**SMALL, "pcie": 1}) as board:
        yield Driver(board)


def session(driver):
    """Some stores and loads; returns their cycles."""
    before = driver.counters()
    assert driver.load(Register.MAGIC) == [MAGIC]
    driver.store(control(Control.PAGE), address(Region.WEIGHTS) >> WINDOW_SHIFT)
    words = [0x1111 * (number % 15) for number in range(64)]
    for number in range(0, 64, 2):
        driver.store(WINDOW_PLACE + number, *words[number : number + 2])
    # of a weight word the bits of CI x CO are there
    mask = (1 << SMALL["ci"] * SMALL["co"]) - 1
    assert driver.load(WINDOW_PLACE, 64) == [word & mask for word in words]
    return driver.counters()["cycles"] - before["cycles"]


def test_words_go_there_and_back_and_time_stands_between(driver):
    assert driver.counters() == driver.counters()
    first = session(driver)
    assert first > 0 and driver.load(control(Control.ERRORS)) == [0]
    driver.load(0)
    assert session(driver) == first


def test_the_line_has_the_pace_of_its_model(driver):
    driver.store(control(Control.PAGE), address(Region.WEIGHTS) >> WINDOW_SHIFT)
    driver.load(0)
    before, packets, words = driver.counters(), 300, 16
    for number in range(packets):
        driver.store(WINDOW_PLACE + words * number, *[number] * words)
    driver.load(0)
    after = driver.counters()
    moved = {name: after[name] - before[name] for name in COUNTERS}
    size = HEADER_BYTES + 4 * words + FRAME_BYTES
    assert moved["tlps_down"] == packets + 1 and moved["tlps_up"] == 1
    wanted = packets * size + HEADER_BYTES + FRAME_BYTES + pcie_socket.FLOW_BYTES
    assert moved["bytes_down"] == wanted
    seconds = moved["cycles"] / driver.board.board.clock_hz
    assert seconds > wanted / pcie_socket.LINK_BYTES_PER_S


def test_more_than_the_queue_holds_passes_without_a_read(driver):
    driver.store(control(Control.PAGE), address(Region.WEIGHTS) >> WINDOW_SHIFT)
    count = pcie_socket.QUEUE_BYTES // 140 + 200
    data = struct.pack("<32I", *range(32))
    store = request(TlpType.MEM_WRITE, 0xF000_0000 + 4 * WINDOW_PLACE, 32, data=data)
    driver.socket.sendall(count * pcie_socket.message(Kind.TLP, bytes(store.pack())))
    driver.counters()  # is answered, be it before the first packet is taken
    assert driver.load(WINDOW_PLACE) == [0]
    after = driver.counters()
    assert after["tlps_down"] == count + 2 and after["cycles"] > 0


def test_a_reset_of_the_link_forgets_page(driver):
    driver.store(control(Control.PAGE), 5)
    assert driver.load(CONTROL_PLACE, 2) == [0, 5]
    driver.store(control(Control.PAGE), 7)
    driver.socket.sendall(pcie_socket.message(Kind.RESET))
    assert driver.message() == (Kind.RESET, b"")
    assert driver.load(CONTROL_PLACE, 2) == [0, 0]


def test_a_request_that_is_not_served_gets_its_completion(driver):
    asked = request(TlpType.IO_READ, 0x40, tag=3)
    driver.send(asked)
    _, packed = driver.message()
    tlp = parse([word for (word,) in struct.iter_unpack(">I", packed)])
    assert (tlp.status, tlp.tag) == (CplStatus.UR, 3)
    assert driver.load(0) == [MAGIC]


def test_the_uart_is_a_second_master(driver):
    """Both links at once: each sees what the other wrote."""
    place = address(Region.REGISTERS, Register.IMAGE_BASE_1)
    link = Link(SerialTransport(driver.board.port, driver.board.baud))
    assert link.identify(1) == (MAGIC,)
    driver.store(Register.IMAGE_BASE_0, 0x123)
    driver.load(0)
    assert link.read(address(Region.REGISTERS, Register.IMAGE_BASE_0), 1) == [0x123]
    link.write_all([(place, np.array([0x456], np.uint32))])
    assert driver.load(Register.IMAGE_BASE_1) == [0x456]
    link.close()


def test_closing_the_socket_ends_it(driver):
    driver.load(0)
    driver.socket.close()
    assert driver.board.process.wait(10) == 0


@pytest.mark.parametrize("data", [b"\0\0\0\x09", b"\x05\0\0\0hello", b"\x08\0\0\0" + bytes(8)])
def test_what_is_no_message_ends_it(driver, data):
    driver.socket.sendall(data)
    assert driver.board.process.wait(10) == 2
