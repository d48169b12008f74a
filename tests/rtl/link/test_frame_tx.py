"""From the words of responses to bytes: what firmware/frames.py decodes."""

import random

import pytest
from myhdl import always, instance

from tests.support.bench import clock, flag, run_bench
from tests.support.stream import watch_stream
from volley.firmware import frames
from volley.firmware.fields import WORD_BITS
from volley.rtl.convert.myhdl_speedup import quick_inspect
from volley.rtl.link.frame_tx import frame_tx
from volley.rtl.link.stream import BYTE_BITS, Stream


def ref_frame_tx(cases):
    """The bytes for frames given as tuples (seq, code, argument, words)."""
    return b"".join(
        frames.encode(seq, code, len(words), argument, words)
        for seq, code, argument, words in cases
    )


@quick_inspect()
def rtl_frame_tx(cases, ready_share=1.0, word_share=1.0, seed=1):
    clk, rst, done = clock(), flag(), flag()
    responses, sent, busy = Stream(WORD_BITS), Stream(BYTE_BITS), flag()
    dut = frame_tx(clk, rst, responses, sent, busy)
    line, chance = bytearray(), random.Random(seed)

    @instance
    def stimulus():
        for number, (seq, code, argument, words) in enumerate(cases):
            items = [seq | code << 8 | len(words) << 16, argument, *words]
            for place, item in enumerate(items):
                while chance.random() >= word_share:
                    yield clk.posedge
                responses.data.next = item
                responses.last.next = place == len(items) - 1
                responses.valid.next = True
                yield clk.posedge
                while not responses.ready:
                    yield clk.posedge
                responses.valid.next = False
            if number % 2 == 0:
                yield clk.negedge
                while busy:
                    yield clk.negedge
                assert line.count(0) == number + 1, "not busy, but not all has left"
        yield clk.posedge
        while busy:
            yield clk.posedge
        for _ in range(30):
            yield clk.posedge
        done.next = True

    @always(clk.posedge)
    def take():
        if sent.valid and sent.ready:
            line.append(int(sent.data))
        sent.ready.next = chance.random() < ready_share

    size = sum(len(words) + 4 for _, _, _, words in cases)
    limit = int(20 * size / ready_share / word_share) + 200
    run_bench([dut, stimulus, take, watch_stream(clk, rst, sent)], clk, done, limit)
    return bytes(line)


EDGES = [
    (0, 0x80, 0, []),
    (255, 0x85, 0xFFFFFFFF, [0xFFFFFFFF]),
    (1, 0x80, 1, [0, 0, 0]),
    (2, 0x80, 0x01010101, [0x01010101] * 61),  # a block of just 254 bytes and its neighbours
    (3, 0x81, 0x01010101, [0x01010101] * 62),
    (4, 0x80, 0x01010101, [0x01010101] * frames.MAX_WORDS),
    (5, 0x80, 0x100, [0] * frames.MAX_WORDS),
]


@pytest.mark.parametrize("ready_share, word_share", [(1.0, 1.0), (0.3, 1.0), (1.0, 0.2)])
def test_edges(ready_share, word_share):
    assert rtl_frame_tx(EDGES, ready_share, word_share) == ref_frame_tx(EDGES)


@pytest.mark.parametrize("seed", range(3))
def test_random(seed):
    source = random.Random(seed)
    cases = []
    for seq in range(12):
        words = [source.choice([0, 1, source.getrandbits(32)]) for _ in range(source.randrange(30))]
        cases.append((seq, 0x80, source.getrandbits(32), words))
    line = rtl_frame_tx(cases, source.choice([1.0, 0.2]), source.choice([1.0, 0.5]), seed)
    assert line == ref_frame_tx(cases)
