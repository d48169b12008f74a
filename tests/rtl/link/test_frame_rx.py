"""From bytes to the words of whole requests: what is damaged leaves no trace."""

import random
import zlib

import pytest
from myhdl import always, instance

from tests.support.bench import clock, flag, run_bench
from tests.support.stream import watch_stream
from volley.firmware import frames
from volley.firmware.fields import WORD_BITS
from volley.firmware.frames import Command
from volley.rtl.convert.myhdl_speedup import quick_inspect
from volley.rtl.link.frame_rx import RING_WORDS, FrameEvents, frame_rx
from volley.rtl.link.stream import BYTE_BITS, Stream


def words_of(data):
    """The words of the request in the bytes between two delimiters; none if it must be refused."""
    try:
        frame = frames.decode(data)
    except frames.FrameError:
        return []
    payload = frame.count if frame.code == Command.WRITE else 0
    if len(frame.words) != payload:
        return []
    return [frame.seq | frame.code << 8 | frame.count << 16, frame.argument, *frame.words]


def ref_frame_rx(line):
    """The words that must become visible for the bytes ``line``."""
    return [word for data in line.split(b"\0")[:-1] for word in words_of(data)]


@quick_inspect()
def rtl_frame_rx(line, take_share=1.0, valid_share=0.5, seed=1, lost=(), hold=False):
    """The words that become visible, and the numbers of intact and damaged frames.

    lost: places in ``line`` before which a byte is lost. hold: takes no word before the line ends.
    """
    clk, rst, done = clock(), flag(), flag()
    received, lost_one = Stream(BYTE_BITS), flag()
    requests, events = Stream(WORD_BITS), FrameEvents()
    dut = frame_rx(clk, rst, received, lost_one, requests, events)
    chance, words, counts, ended = random.Random(seed), [], [0, 0], flag()

    @instance
    def stimulus():
        yield clk.posedge
        for place, byte in enumerate(line):
            while place in lost or chance.random() >= valid_share:
                received.valid.next = False
                lost_one.next = place in lost
                yield clk.posedge
                lost_one.next = False
                if place in lost:
                    break
            received.valid.next = True
            received.data.next = byte
            yield clk.posedge
        received.valid.next = False
        ended.next = True
        quiet = 0
        while quiet < 20:
            quiet = 0 if requests.valid else quiet + 1
            yield clk.posedge
        done.next = True

    @always(clk.posedge)
    def collect():
        if requests.valid and requests.ready:
            words.append(int(requests.data))
        requests.ready.next = (ended or not hold) and chance.random() < take_share
        counts[0] += int(events.intact)
        counts[1] += int(events.damaged)

    limit = int(4 * len(line) / valid_share + 8 * RING_WORDS / take_share) + 500
    run_bench([dut, stimulus, collect, watch_stream(clk, rst, requests)], clk, done, limit)
    return words, *counts


def request(seq, command, argument=0, words=(), count=None):
    count = len(words) if count is None else count
    return frames.encode(seq, command, count, argument, words)


def unaligned(size):
    """A STATUS request with ``size`` bytes too many behind it, and the right CRC."""
    body = bytes([1, Command.STATUS, 0, 0, 0, 0, 0, 0]) + bytes(range(size))
    body += zlib.crc32(body).to_bytes(4, "little")
    return frames.cobs_encode(body) + b"\0"


def write_of(source, seq, size):
    return request(seq, Command.WRITE, source.getrandbits(32), [source.getrandbits(32)] * size)


@pytest.mark.parametrize("take_share, valid_share", [(1.0, 1.0), (1.0, 0.2), (0.6, 0.05)])
def test_whole_requests(take_share, valid_share):
    source = random.Random(5)
    line = request(0, Command.IDENTIFY, count=4) + request(1, Command.READ, 0x30000000, count=240)
    line += b"".join(write_of(source, seq, size) for seq, size in enumerate([1, 0, 2, 63, 64, 5]))
    line += request(9, Command.STATUS) + request(10, 77) + request(11, Command.RUN, 5, count=9)
    words, intact, damaged = rtl_frame_rx(line, take_share, valid_share)
    assert words == ref_frame_rx(line) and len(words) == 22 + 135
    assert (intact, damaged) == (11, 0)


def test_longest_frame_and_one_word_more():
    source = random.Random(6)
    good = request(1, Command.WRITE, 7, [source.getrandbits(32) for _ in range(frames.MAX_WORDS)])
    long = request(2, Command.WRITE, 7, [3] * (frames.MAX_WORDS + 1))
    end = request(3, Command.STATUS)
    words, intact, damaged = rtl_frame_rx(good + long + end, valid_share=1.0)
    assert words == ref_frame_rx(good + long + end) and len(words) == 2 + frames.MAX_WORDS + 2
    assert (intact, damaged) == (3, 0)


def test_wrong_lengths():
    """The CRC is right, but payload and count differ: refused, and no sign of a bad line."""
    bad = [request(1, Command.WRITE, 0, [1, 2, 3], count) for count in (0, 2, 4, 0xFFFF)]
    bad += [request(1, Command.READ, 0, [1]), request(1, 99, 0, [1, 2], 2)]
    # as many words as the header promises fit, and one more comes
    bad += [request(1, Command.WRITE, 0, [3] * (frames.MAX_WORDS + 1), frames.MAX_WORDS)]
    bad += [unaligned(size) for size in (1, 2, 3)]
    body = request(1, Command.STATUS)
    line = b"".join(frame + body for frame in bad)
    words, intact, damaged = rtl_frame_rx(line)
    assert words == ref_frame_rx(body) * len(bad)
    assert (intact, damaged) == (2 * len(bad), 0)


def test_damage_at_each_byte():
    """Each byte flipped, dropped or doubled: the frame or a neighbour is lost, none is wrong."""
    frame = request(3, Command.WRITE, 0x10000002, [0x01020304, 0, 0xFFFFFFFF])
    after = request(4, Command.STATUS)
    line, expected = b"", []
    for place in range(len(frame)):
        for bit in range(8):
            flipped = bytes([frame[place] ^ 1 << bit])
            line += frame[:place] + flipped + frame[place + 1 :] + b"\0" + after
        line += frame[:place] + frame[place + 1 :] + b"\0" + after
        line += frame[:place] + frame[place : place + 1] * 2 + frame[place + 1 :] + after
    expected = ref_frame_rx(line)
    words, intact, damaged = rtl_frame_rx(line, valid_share=1.0)
    assert words == expected
    # whole: all frames after, and the frame itself where its delimiter alone was dropped or doubled
    assert len(words) == 10 * len(frame) * 2 + 2 * len(ref_frame_rx(frame))
    assert intact == 10 * len(frame) + 2
    assert damaged >= 10 * (len(frame) - 1)


def test_truncated_and_foreign():
    frame = request(7, Command.WRITE, 1, [5, 6])
    line = b"".join(frame[:size] + b"\0" + frame for size in range(1, len(frame) - 1))
    line += b"\r\nAT+RST\r\n\0" + frame + b"\0\0\0" + frame + bytes(range(255, -1, -1)) + frame
    words, intact, damaged = rtl_frame_rx(line)
    whole = len(frame) - 2 + 3
    assert words == ref_frame_rx(frame) * whole == ref_frame_rx(line)
    assert (intact, damaged) == (whole, len(frame) - 2 + 2)


def test_garbage_without_a_delimiter():
    source = random.Random(8)
    line = bytes(source.randrange(1, 256) for _ in range(3 * frames.MAX_BYTES)) + b"\0"
    line += request(1, Command.STATUS)
    words, intact, damaged = rtl_frame_rx(line, valid_share=1.0)
    assert (len(words), intact, damaged) == (2, 1, 1)


def test_lost_byte_damages_the_frame():
    """A byte that the UART could not receive, between two bytes that make a frame without it."""
    frame = request(1, Command.STATUS)
    words, intact, damaged = rtl_frame_rx(frame * 3, lost=[len(frame) + 5])
    assert words == ref_frame_rx(frame) * 2
    assert (intact, damaged) == (2, 1)


def test_ring_full():
    """What the ring can not hold is refused as a whole; the rest comes out right."""
    source = random.Random(9)
    big = [write_of(source, seq, 200) for seq in range(3)]
    small = request(9, Command.STATUS)
    words, intact, damaged = rtl_frame_rx(b"".join(big) + small, valid_share=1.0, hold=True)
    assert words == ref_frame_rx(big[0] + big[1] + small)
    assert (intact, damaged) == (4, 0)


@pytest.mark.parametrize("seed", range(2))
def test_random_lines(seed):
    """Frames, noise, and ring wrap-around in any order."""
    source = random.Random(seed)
    line = b""
    for seq in range(40):
        frame = bytearray(write_of(source, seq, source.choice([0, 1, 30, 90])))
        if source.random() < 0.3:
            frame[source.randrange(len(frame))] = source.randrange(256)
        line += frame
    line += b"\0"
    words, _, _ = rtl_frame_rx(line, valid_share=0.4, seed=seed)
    assert words == ref_frame_rx(line) and len(words) > RING_WORDS
