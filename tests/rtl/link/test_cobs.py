"""Byte stuffing in hardware against firmware/frames.py."""

import random

import pytest
from myhdl import always, instance

from tests.support.bench import clock, flag, run_bench
from tests.support.stream import watch_stream
from volley.firmware import frames
from volley.rtl.convert.myhdl_speedup import quick_inspect
from volley.rtl.link.cobs import FrameEnd, cobs_decode, cobs_encode
from volley.rtl.link.stream import BYTE_BITS, Stream

BLOCK = frames.COBS_BLOCK
SHORT = [b"", b"\0", b"\0\0", b"\1", b"\xff", b"a\0", b"\0a", b"a\0b", b"\0a\0", b"ab\0\0cd"]
LONG = [bytes(k % 255 + 1 for k in range(size)) for size in range(BLOCK - 1, BLOCK + 3)]
LONG += [LONG[1] + b"\0", b"\0" + LONG[1], LONG[0] + b"\0", LONG[1] + LONG[1], b"\0" * 300]
LONG += [LONG[1] * 2 + b"\0", LONG[1] * 3 + b"xy", LONG[0] + b"\0" + LONG[1] + b"\0\0"]


def random_case(source):
    alphabet = source.choice([[0, 1], [0, 0, 0, 7], list(range(256)), list(range(1, 256))])
    return bytes(source.choices(alphabet, k=source.choice([3, 17, 60, 255, 400])))


def ref_encode(cases):
    return [frames.cobs_encode(case) for case in cases]


@quick_inspect()
def rtl_encode(cases, ready_share=1.0, seed=1):
    """Frames encoded one after another; ready_share: how often the line takes a byte."""
    clk, rst, done = clock(), flag(), flag()
    plain, stuffed, busy = Stream(BYTE_BITS), Stream(BYTE_BITS), flag()
    dut = cobs_encode(clk, rst, plain, stuffed, busy)
    line, stalls = bytearray(), random.Random(seed)

    @instance
    def stimulus():
        for case in cases:
            for item in [*case, None]:
                plain.data.next = item or 0
                plain.last.next = item is None
                plain.valid.next = True
                yield clk.posedge
                while not plain.ready:
                    yield clk.posedge
                plain.valid.next = False
                yield clk.posedge
                assert busy or item is not None and not any(case), "busy is missing"
        while busy:
            yield clk.posedge
        assert line.count(0) == len(cases), "not busy, but not all has left"
        for _ in range(20):
            yield clk.posedge
        assert not busy and not stuffed.valid
        done.next = True

    @always(clk.posedge)
    def take():
        if stuffed.valid and stuffed.ready:
            line.append(int(stuffed.data))
        stuffed.ready.next = stalls.random() < ready_share

    size = sum(len(case) + 10 for case in cases)
    run_bench(
        [dut, stimulus, take, watch_stream(clk, rst, stuffed)],
        clk,
        done,
        int(8 * size / ready_share) + 100,
    )
    assert line.endswith(b"\0")
    return [bytes(part) for part in line[:-1].split(b"\0")]


def ref_decode(cases):
    """The decoded frames; None for one that is broken."""
    results = []
    for case in cases:
        try:
            results.append(frames.cobs_decode(case))
        except frames.FrameError:
            results.append(None)
    return results


@quick_inspect()
def rtl_decode(cases, valid_share=1.0, seed=1):
    clk, rst, done = clock(), flag(), flag()
    stuffed, plain, frame_end = Stream(BYTE_BITS), Stream(BYTE_BITS), FrameEnd()
    dut = cobs_decode(clk, rst, stuffed, plain, frame_end)
    pauses, results, open_frame = random.Random(seed), [], bytearray()

    @instance
    def stimulus():
        yield clk.posedge
        for byte in b"".join(case + b"\0" for case in cases):
            while pauses.random() >= valid_share:
                stuffed.valid.next = False
                yield clk.posedge
            stuffed.valid.next = True
            stuffed.data.next = byte
            yield clk.posedge
        stuffed.valid.next = False
        for _ in range(5):
            yield clk.posedge
        done.next = True

    @always(clk.posedge)
    def collect():
        if plain.valid:
            assert not frame_end.valid
            open_frame.append(int(plain.data))
        if frame_end.valid:
            assert frame_end.empty == (cases[len(results)] == b"")
            results.append(None if frame_end.broken else bytes(open_frame))
            open_frame.clear()

    size = sum(len(case) + 1 for case in cases)
    run_bench([dut, stimulus, collect], clk, done, int(3 * size / valid_share) + 50)
    assert not open_frame
    return results


@pytest.mark.parametrize("ready_share", [1.0, 0.3])
def test_encode(ready_share):
    assert rtl_encode(SHORT + LONG, ready_share) == ref_encode(SHORT + LONG)


@pytest.mark.parametrize("seed", range(3))
def test_encode_random(seed):
    source = random.Random(seed)
    cases = [random_case(source) for _ in range(8)]
    assert rtl_encode(cases, source.choice([1.0, 0.5, 0.1]), seed) == ref_encode(cases)


@pytest.mark.parametrize("valid_share", [1.0, 0.3])
def test_decode(valid_share):
    cases = [frames.cobs_encode(case) for case in SHORT + LONG]
    assert rtl_decode(cases, valid_share) == SHORT + LONG == ref_decode(cases)


@pytest.mark.parametrize("seed", range(3))
def test_decode_what_is_no_encoding(seed):
    """Random bytes between delimiters: broken, or what the reference reads in them."""
    source = random.Random(seed)
    top = source.choice([4, 20, 256])
    sizes = [source.randrange(30) for _ in range(60)]
    cases = [bytes(source.randrange(1, top) for _ in range(size)) for size in sizes]
    expected = ref_decode(cases)
    assert None in expected and any(expected)
    assert rtl_decode(cases) == expected


def test_decode_truncated():
    whole = frames.cobs_encode(b"a long\0frame with\0zeros" + LONG[2])
    cases = [whole[:size] for size in range(len(whole))]
    assert rtl_decode(cases[:60]) == ref_decode(cases[:60])
