"""The driver's packets against another codec, and whole inferences over a socket."""

import random

import numpy as np
import pytest
from cocotbext.pcie.core.tlp import Tlp, TlpType

from tests.support.fake_device import small_program
from tests.support.fake_pcie import FakeBar
from tests.support.random_models import network
from tests.support.socket_board import SocketBoard, unsupported
from volley.firmware.pcie_socket import Kind, message
from volley.host import Device, TransportError
from volley.host.pcie import tlp
from volley.host.pcie.bar_link import BarLink
from volley.host.pcie.socket_bar import SocketBar
from volley.model import golden


@pytest.mark.parametrize("count", [1, 2, 3, 32])
def test_a_write_is_the_other_codecs(count):
    chance = random.Random(count)
    words = np.array([chance.getrandbits(32) for _ in range(count)], np.uint32)
    found = Tlp.unpack_header(data := tlp.to_bytes(tlp.write(0xABCD0, words)))
    assert (found.fmt_type, found.address, found.length) == (TlpType.MEM_WRITE, 0xABCD0, count)
    assert (found.first_be, found.last_be) == (15, 15 if count > 1 else 0)
    assert data[found.get_header_size() :] == words.astype("<u4").tobytes()
    assert tlp.from_bytes(data) == tlp.write(0xABCD0, words)


@pytest.mark.parametrize("count", [1, 2, 32])
def test_a_read_is_the_other_codecs(count):
    found = Tlp.unpack_header(data := tlp.to_bytes(tlp.read(0x7FFC, count, 0x5A)))
    assert (found.fmt_type, found.address, found.length) == (TlpType.MEM_READ, 0x7FFC, count)
    assert found.tag == 0x5A and len(data) == 12


@pytest.mark.parametrize(
    "dwords, text",
    [
        ([0x4A000001, 4], "2 DW, the header has 3"),
        ([0x40000001, 4, 0, 0], "fmt and type 0x40"),
        ([0x4A000002, 4, 0, 0], "1 DW of data, its length is 2"),
        ([0x0A000000, 4, 0, 0], "1 DW of data, its length is 0"),
    ],
)
def test_what_is_no_completion(dwords, text):
    with pytest.raises(tlp.TlpError, match=text):
        tlp.completion(dwords)


def test_bytes_that_are_no_double_words():
    with pytest.raises(tlp.TlpError, match="5 bytes"):
        tlp.from_bytes(b"12345")


def test_whole_inferences():
    model = network("8C3-P2-10", (1, 12, 12))
    program, loaded = small_program(model)
    images, board = model.images(5), SocketBoard()
    with board as near:
        bar = SocketBar("sim:test", near, patience=20)
        with Device(BarLink(bar)) as device:
            device.load(program, verify=True)
            before = bar.counters()
            found = [result.scores for result in device.infer_many(images)]
            after = bar.counters()
    np.testing.assert_array_equal(found, golden.run(loaded, images).scores)
    assert len(board.requests) == after.tlps_down > before.tlps_down
    assert not any(board.bar.errors.values())


def spoiled(**fields):
    def spoil(answer):
        for name, value in fields.items():
            setattr(answer, name, value)
        return answer

    return spoil


@pytest.mark.parametrize(
    "spoil, text",
    [
        (spoiled(tag=31), "completion with tag 31 for 1"),
        (spoiled(byte_count=4), "completion of 2 DW and 4 bytes for 2 DW"),
        (spoiled(fmt_type=TlpType.MEM_WRITE), "fmt and type"),
        (lambda answer: None, "no completion within 0.2 s"),
        (unsupported, "the board is gone, it reads all ones"),
    ],
)
def test_a_wrong_answer_gives_no_word(spoil, text):
    with SocketBoard(spoil=spoil) as near:
        with pytest.raises(TransportError, match=text):
            Device(BarLink(SocketBar("sim:test", near, patience=0.2)))


@pytest.mark.parametrize(
    "sent, text",
    [
        (b"", "went away"),
        (message(Kind.TLP, bytes(12))[:9], "went away"),
        (message(Kind.RESET), "the link was reset"),
        (message(Kind.COUNTERS), "COUNTERS for a completion"),
        (bytes([0, 0, 0, 77]), "77"),
        (message(Kind.TLP, b"abcde"), "no whole double words"),
    ],
)
def test_a_board_that_ends_or_says_something_else(sent, text):
    board = SocketBoard()
    with board.near, board.far:
        board.far.sendall(sent)
        board.far.shutdown(1)
        bar = SocketBar("sim:test", board.near, patience=1)
        with pytest.raises(TransportError, match=text):
            bar.load(0)
        bar.close()
        with pytest.raises(TransportError, match="is closed"):
            bar.load(0)


def test_no_socket(tmp_path):
    with pytest.raises(TransportError, match="sim:acorn: .*No such file"):
        SocketBar.connect("sim:acorn", str(tmp_path / "none"))


def test_stores_wait_for_the_next_load():
    bar = FakeBar()
    board = SocketBoard(bar)
    with board as near:
        driver = SocketBar("sim:test", near, patience=5)
        driver.store_block(0x2000 + 1, np.arange(4, dtype=np.uint32))
        assert not board.requests
        driver.load(0)
        assert [(t.address // 4, t.length) for t in board.requests] == [
            (0x2001, 1), (0x2002, 2), (0x2004, 1), (0, 1)
        ]  # fmt: skip
