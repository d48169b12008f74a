"""Packets to and from the whole endpoint: every kind of request, at every byte enable, with pauses."""

import random

import pytest
from cocotbext.pcie.core.tlp import TlpType

from tests.rtl.link.pcie.axi import Arrival
from tests.rtl.link.pcie.endpoint_bench import id_number, rtl_endpoint
from tests.rtl.link.pcie.packets import READS, WRITES, check_completions, dwords, request
from tests.support.link_device import CONTROL, untouched
from volley.firmware.fields import pack, unpack
from volley.firmware.pcie import (
    BAR_BYTES,
    ERRORS,
    REGISTERS_PLACE,
    WINDOW_PLACE,
    WINDOW_SHIFT,
    WINDOW_WORDS,
    Control,
    control,
)
from volley.firmware.registers import Region, address

BASE = 0xF7A0_0000  # where the host put the BAR
HIGH = 0x12_0000_0000  # added for four-DW headers
UNSUPPORTED = {"unsupported": 1}


def write(place, words, seed=0, **fields):
    """A write of whole words from a place of the BAR on."""
    data = b"".join(word.to_bytes(4, "little") for word in words)
    return request(TlpType.MEM_WRITE, BASE + 4 * place, len(words), data=data, seed=seed, **fields)


def read(place, length=1, seed=0, **fields):
    return request(TlpType.MEM_READ, BASE + 4 * place, length, seed=seed, **fields)


def send(root, *tlps, **marks):
    root.arrivals.extend(Arrival(dwords(tlp), **marks) for tlp in tlps)


def words_at(root, place, length, page=0):
    """Bytes that reads of the BAR give, for places that are registers or in the window."""
    out = b""
    for index in range(place, place + length):
        bus = index - REGISTERS_PLACE
        if index >= WINDOW_PLACE:
            bus = page << WINDOW_SHIFT | (index - WINDOW_PLACE)
        out += root.memory.get(bus, untouched(bus)).to_bytes(4, "little")
    return out


def packets_of(asked):
    """How many completions a read gets."""
    start = asked.address % 128
    return (start + 4 * asked.length + 127) // 128


def answered(root, asked, data, completer=None):
    """Yields until all of ``asked`` is answered, and checks it."""
    yield packets_of(asked) if data is not None else 1
    check_completions(asked, root.take(), id_number() if completer is None else completer, data)


def errors_are(root, **expected):
    """Reads ERRORS and compares."""
    asked = read(control(Control.ERRORS))
    send(root, asked)
    word = pack(ERRORS, expected, 1, "ERRORS")[0]
    yield from answered(root, asked, word.to_bytes(4, "little"))


def reads(root, samples, seed):
    """Random reads of the window, page 5 of WEIGHTS, one after another."""
    chance = random.Random(seed)
    page = address(Region.WEIGHTS, 5 * WINDOW_WORDS) >> WINDOW_SHIFT
    send(root, write(control(Control.PAGE), [page]))
    for number, (length, offset, first, last) in enumerate(samples):
        place = WINDOW_PLACE + 32 * chance.randrange(WINDOW_WORDS // 32 - 2) + offset
        kind = chance.choice(READS)
        where = BASE + 4 * place + (HIGH if kind == TlpType.MEM_READ_64 else 0)
        asked = request(kind, where, length, first, last, seed=number)
        digest = chance.choice([None, 0xDEADBEEF])
        root.arrivals.append(Arrival(dwords(asked, digest)))
        yield from answered(root, asked, words_at(root, place, length, page))
    yield from errors_are(root)


def every_read():
    """(length, offset in 128 bytes, first_be, last_be) of all reads up to 32 DW, contiguous or not."""
    for length in range(1, 33):
        for offset in range(32):
            for first in range(1, 16) if length > 1 else range(16):
                for last in range(1, 16) if length > 1 else (0,):
                    yield length, offset, first, last


@pytest.mark.parametrize("seed", [1, 2])
def test_reads(seed):
    print("seed", seed)
    chance = random.Random(seed)
    samples = [(1, offset, first, 0) for offset in (0, 31) for first in range(16)]
    for length in range(2, 33):
        samples.append((length, chance.randrange(32), *(chance.randrange(1, 16) for _ in "fl")))
    chance.shuffle(samples)
    shares = {1: (1.0, 1.0), 2: (0.6, 0.5)}[seed]
    rtl_endpoint(lambda root: reads(root, samples[:32], seed), (), *shares, seed=seed)


def test_long_read():
    def script(root):
        asked = read(WINDOW_PLACE + 1, 128)
        send(root, asked)
        yield from answered(root, asked, words_at(root, WINDOW_PLACE + 1, 128))

    rtl_endpoint(script)


@pytest.mark.parametrize("share", [1.0, 0.6])
def test_writes(share):
    seed, expected = 3, {}
    print("seed", seed)

    def script(root):
        chance, partial = random.Random(seed), 0
        page = address(Region.PARAMS) >> WINDOW_SHIFT
        send(root, write(control(Control.PAGE), [page]))
        for number, length in enumerate(chance.sample(range(1, 33), 16)):
            place = chance.randrange(WINDOW_PLACE, WINDOW_PLACE + WINDOW_WORDS - 32)
            words = [chance.getrandbits(32) for _ in range(length)]
            first, last = (chance.choice([15, 15, chance.randrange(16)]) for _ in "fl")
            last = last if length > 1 else 0
            kind = chance.choice(WRITES)
            tlp = write(place, words, number, first_be=first, last_be=last, fmt_type=kind)
            digest = chance.choice([None, 0x01020304])
            root.arrivals.append(Arrival(dwords(tlp, digest)))
            for index, word in enumerate(words):
                be = first if index == 0 else last if index == length - 1 else 15
                partial |= be not in (0, 15)
                if be == 15:
                    expected[page << WINDOW_SHIFT | place - WINDOW_PLACE + index] = word
        yield from errors_are(root, partial_word=int(partial))

    root = rtl_endpoint(script, (), share, 1.0)
    assert root.memory == expected and expected


def test_damaged_packets_leave_no_trace():
    def script(root):
        bad = write(5, [1])
        send(root, bad, poisoned=True)
        send(root, bad, ecrc=True)
        send(root, write(6, [1, 2, 3]), ecrc=True)
        send(root, write(7, [1], ep=True))
        send(root, read(8), ecrc=True)
        send(root, read(9, ep=True), poisoned=True)
        send(root, write(10, [77]))
        yield from errors_are(root, damaged=6)
        send(root, write(control(Control.ERRORS), [0]))
        yield from errors_are(root)

    assert rtl_endpoint(script).memory == {10: 77}


OTHERS = [
    (TlpType.MEM_READ_LOCKED, 3, None),
    (TlpType.MEM_READ_LOCKED_64, 1, None),
    (TlpType.IO_READ, 1, None),
    (TlpType.IO_WRITE, 1, 4),
    (TlpType.CFG_READ_1, 1, None),
    (TlpType.FETCH_ADD, 1, 4),
    (TlpType.FETCH_ADD_64, 2, 8),
    (TlpType.SWAP, 2, 8),
    (TlpType.CAS, 2, 8),
    (TlpType.CAS_64, 4, 16),
]


@pytest.mark.parametrize("kind, length, size", OTHERS)
def test_unsupported_requests_are_answered(kind, length, size):
    def script(root):
        data = bytes(size) if size else None
        asked = request(kind, BASE + 0x44, length, data=data)
        send(root, asked)
        yield from answered(root, asked, None)
        yield from errors_are(root, **UNSUPPORTED)

    assert not rtl_endpoint(script).memory


def test_read_beside_the_bar_is_unsupported():
    def script(root):
        asked = read(3)
        send(root, asked, write(4, [9]), bar=False)
        yield from answered(root, asked, None)
        yield from errors_are(root, **UNSUPPORTED)

    assert not rtl_endpoint(script).memory


def test_other_posted_packets_and_completions_are_dropped():
    def script(root):
        message = [0x3000_0000 | 4 << 24, 0x0100_0019, 0, 0]
        with_data = [0x7400_0001, 0x0100_0050, 0, 0, 0x1234_5678]
        completion = [0x4A00_0001, 0x0000_0004, 0x0100_0500, 0xFFFF_FFFF]
        prefix = [0x8E00_0000, *dwords(write(1, [2]))]
        short = [dwords(read(1))[:2], dwords(write(1, [2]))[:3], dwords(read(1))[:1]]
        for words in (message, with_data, completion, prefix, *short):
            root.arrivals.append(Arrival(words))
        yield from errors_are(root)

    assert not rtl_endpoint(script).memory


def test_bus_number_changes():
    def script(root):
        for bus, device, function in ((1, 0, 0), (0x5A, 3, 1), (0xFF, 31, 7), (0, 0, 0)):
            root.device_id.bus.next = bus
            root.device_id.device.next = device
            root.device_id.function.next = function
            yield (3,)
            asked = read(2, 2, seed=bus)
            send(root, asked)
            yield from answered(root, asked, words_at(root, 2, 2), id_number(bus, device, function))

    rtl_endpoint(script)


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_reset_in_mid_packet(cut):
    def script(root):
        send(root, write(3, [5]))
        asked = read(4, 4)
        send(root, asked)
        yield from answered(root, asked, words_at(root, 4, 4))
        root.arrivals.append(Arrival(dwords(write(20, [1, 2, 3, 4])), cut=cut))
        root.reset()
        yield 0
        asked = read(20, 2)
        send(root, asked)
        yield from answered(root, asked, words_at(root, 20, 2))
        yield from errors_are(root)

    assert rtl_endpoint(script).memory == {3: 5}


def test_reset_empties_the_answers():
    def script(root):
        root.stalled = True
        send(root, *(read(place, 32) for place in range(0, 96, 32)))
        yield (600,)
        root.reset()
        yield 0
        root.stalled = False
        asked = read(7, 3)
        send(root, asked)
        yield from answered(root, asked, words_at(root, 7, 3))

    rtl_endpoint(script)


def test_too_long_packet_is_dropped():
    def script(root):
        send(root, write(WINDOW_PLACE, [7] * 600), write(3, [4]), write(5, [6], first_be=0))
        yield from errors_are(root, damaged=1)

    assert rtl_endpoint(script).memory == {3: 4}


def test_read_behind_full_fifos():
    """The root port takes nothing until all queues are full; then every read is answered, in order."""

    def script(root):
        root.stalled = True
        asked = [read(place, 32, seed=place) for place in range(1, 97, 4)]
        for number, tlp in enumerate(asked):
            send(root, write(WINDOW_PLACE - 2000 + number, [number] * 30), tlp)
        yield (900,)
        assert root.arrivals and not root.packets, "the queues are not full"
        root.stalled = False
        yield sum(packets_of(tlp) for tlp in asked)
        answers = root.take()
        for tlp in asked:
            mine = [answers.pop(0) for _ in range(packets_of(tlp))]
            data = words_at(root, (tlp.address - BASE) // 4, tlp.length)
            check_completions(tlp, mine, id_number(), data)

    rtl_endpoint(script)


def stream(root, region, buffer_bits=0):
    """Points the window at a region."""
    send(root, write(control(Control.PAGE), [address(region, buffer_bits) >> WINDOW_SHIFT]))


def test_streams_keep_their_order():
    image, spikes = address(Region.IMAGE), address(Region.SPIKES)

    def script(root):
        stream(root, Region.IMAGE)
        send(root, write(WINDOW_PLACE, [1, 2, 3]))  # a picture
        send(root, write(WINDOW_PLACE + 2, [4]))  # stored twice: dropped
        send(root, write(WINDOW_PLACE + 3, [5]))
        send(root, write(WINDOW_PLACE + 5, [6]))  # one is missing: dropped
        yield from errors_are(root, out_of_stream=1)
        send(root, write(control(Control.ERRORS), [0]))
        send(root, write(WINDOW_PLACE, [7, 8]))  # begins again
        stream(root, Region.SPIKES)
        send(root, write(WINDOW_PLACE + 8, [9, 10]))  # anywhere after PAGE
        yield from errors_are(root)
        send(root, write(WINDOW_PLACE + 9, [11]))
        yield from errors_are(root, out_of_stream=1)

    memory = rtl_endpoint(script).memory
    pictures = {image: 7, image + 1: 8, image + 2: 3, image + 3: 5}
    assert memory == {**pictures, spikes + 8: 9, spikes + 9: 10}


def test_run_and_page():
    def script(root):
        weights = address(Region.WEIGHTS)
        stream(root, Region.WEIGHTS)
        send(root, write(control(Control.RUN), [0x1234]))
        for word, data in ((Control.RUN, 1), (Control.PAGE, weights >> WINDOW_SHIFT)):
            asked = read(control(word))
            send(root, asked)
            yield from answered(root, asked, data.to_bytes(4, "little"))
        asked = read(WINDOW_PLACE, 2)
        send(root, asked)
        yield from answered(root, asked, bytes(8))  # a memory in a run
        asked = read(2, 2)
        send(root, asked)
        yield from answered(root, asked, words_at(root, 2, 2))  # registers are served
        yield from errors_are(root, read_in_run=1)
        send(root, write(control(Control.RUN), [7]))  # waits
        asked = read(control(Control.RUN))
        send(root, asked)
        yield from answered(root, asked, b"\3\0\0\0")
        yield from errors_are(root, read_in_run=1)
        send(root, write(control(Control.RUN), [8]))  # one is enough
        yield from errors_are(root, read_in_run=1, run_in_run=1)
        send(root, write(CONTROL, [1]), write(control(Control.ERRORS), [0]))
        asked = read(WINDOW_PLACE, 2)
        send(root, asked)
        yield from answered(root, asked, words_at(root, WINDOW_PLACE, 2, weights >> WINDOW_SHIFT))
        send(root, write(control(Control.RUN), [0x10000]))
        yield from errors_are(root, bad_address=1)

    assert rtl_endpoint(script).started == [0x1234]


def test_a_run_waits_for_the_end_of_the_one_before():
    """The slave's runs end when CONTROL is written, here by its own hand and not by the BAR."""

    def script(root):
        asked = read(control(Control.RUN))
        send(root, write(control(Control.RUN), [5]), write(control(Control.RUN), [6]))
        for started, state in (([5], 3), ([5, 6], 1), ([5, 6], 0)):
            send(root, asked)
            yield from answered(root, asked, bytes([state, 0, 0, 0]))
            assert root.started == started
            root.end_run()
            yield (60,)
        yield from errors_are(root)

    assert rtl_endpoint(script).started == [5, 6]


def test_the_session_ends_with_a_reset():
    def script(root):
        asked = read(control(Control.SESSION))
        send(root, write(control(Control.SESSION), [0x7654BEEF]), asked)
        yield from answered(root, asked, (0xBEEF).to_bytes(4, "little"))
        root.reset()
        yield (200,)
        send(root, asked)
        yield from answered(root, asked, bytes(4))

    rtl_endpoint(script)


@pytest.mark.parametrize("region", [Region.IMAGE, 7, 15])
def test_addresses_without_access(region):
    def script(root):
        stream(root, region)
        asked = read(WINDOW_PLACE, 2)
        send(root, asked)
        yield from answered(root, asked, bytes(8))
        yield from errors_are(root, bad_address=1)
        send(root, write(control(Control.ERRORS), [0]))
        if region != Region.IMAGE:
            send(root, write(WINDOW_PLACE, [1]))
            yield from errors_are(root, bad_address=1)
        behind = control(max(Control)) + 1
        send(root, write(behind, [1]), write(BAR_BYTES // 4 - WINDOW_WORDS - 1, [1]))
        yield from errors_are(root, bad_address=1)

    assert not rtl_endpoint(script).memory


def test_fields_of_errors_are_told_apart():
    word = pack(ERRORS, {"damaged": 255, "unsupported": 1}, 1, "ERRORS")
    assert unpack(ERRORS, word)["damaged"] == 255 and sum(unpack(ERRORS, word).values()) == 256


@pytest.mark.slow
@pytest.mark.parametrize("part", range(8))
def test_every_read(part):
    samples = list(every_read())
    chance = random.Random(part)
    edges = [each for each in samples if each[0] <= 2]
    longer = [each for each in samples if each[0] > 2]
    chosen = edges[part::8] + chance.sample(longer, 400)
    for start in range(0, len(chosen), 200):
        rtl_endpoint(lambda root: reads(root, chosen[start : start + 200], part), seed=part)
