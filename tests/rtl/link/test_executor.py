"""Requests one after another, against the reference device: answers, memory, starts, divisors."""

import random

import pytest
from myhdl import always, instance

from tests.support.bench import clock, flag, run_bench
from tests.support.link_device import CONTROL, Device, bus_memory
from tests.support.stream import watch_stream
from volley.firmware.fields import WORD_BITS
from volley.firmware.frames import (
    DIVISOR_UNIT,
    INFO,
    LEAST_DIVISOR,
    MAX_WORDS,
    RESPONSE,
    Command,
    Frame,
    Status,
)
from volley.firmware.registers import REGION_SHIFT, Region, Register, address
from volley.rtl.convert.myhdl_speedup import quick_inspect
from volley.rtl.link.bus import Bus
from volley.rtl.link.executor import executor
from volley.rtl.link.stream import Stream
from volley.rtl.link.uart import DIVISOR_BITS


def ref_executor(requests):
    device = Device()
    answers = [device.answer(request) for request in requests]
    return answers, device.memory, device.started, device.divisors


@quick_inspect()
def rtl_executor(requests, ready_share=0.7, word_share=1.0, seed=1):
    clk, rst, done = clock(), flag(), flag()
    words_in, responses = Stream(WORD_BITS), Stream(WORD_BITS)
    quiet, new_divisor = flag(), Stream(DIVISOR_BITS)
    bus, memory, started, divisors = Bus(), {}, [], []
    slave = bus_memory(clk, bus, memory, started, ready_share, seed)
    dut = executor(clk, rst, words_in, responses, quiet, bus, new_divisor)
    source = [
        item
        for seq, code, count, argument, words in requests
        for item in (seq | code << 8 | count << 16, argument, *words)
    ]
    chance, answers, parts = random.Random(seed), [], []

    @always(clk.posedge)
    def collect():
        if responses.valid and responses.ready:
            parts.append(int(responses.data))
            if responses.last:
                head, info, *words = parts
                answers.append(Frame(head & 255, head >> 8 & 255, head >> 16, info, tuple(words)))
                parts.clear()
        responses.ready.next = chance.random() < ready_share
        quiet.next = chance.random() < 0.1
        if new_divisor.valid:
            divisors.append(int(new_divisor.data))

    @instance
    def stimulus():
        for item in source:
            while chance.random() >= word_share:
                yield clk.posedge
            words_in.data.next = item
            words_in.valid.next = True
            yield clk.posedge
            while not words_in.ready:
                yield clk.posedge
            words_in.valid.next = False
            yield clk.posedge
        while len(answers) < len(requests):
            yield clk.posedge
        for _ in range(100):
            yield clk.posedge
        done.next = True

    size = len(source) + sum(min(r.count, MAX_WORDS) + 10 for r in requests)
    watch = watch_stream(clk, rst, responses)
    run_bench([dut, slave, collect, stimulus, watch], clk, done, int(40 * size / ready_share) + 500)
    assert not parts
    return answers, memory, started, divisors


def check(requests, statuses=None, **shares):
    """Hardware and reference agree; ``statuses``, if given, is what both must answer."""
    expected = ref_executor(requests)
    if statuses is not None:
        assert [answer.code - RESPONSE for answer in expected[0]] == list(statuses)
    assert rtl_executor(requests, **shares) == expected
    return expected


def request(seq, command, argument=0, count=0, words=()):
    return Frame(seq, command, len(words) or count, argument, tuple(words))


def at(region, place=0):
    return address(region, place)


OK, REPEATED, OUT_OF_ORDER, BUSY, BAD_COMMAND, BAD_ADDRESS = Status
STOP = [Command.WRITE, CONTROL, 0, [1]]


def numbered(*requests):
    """Requests without seq, numbered from 0."""
    return [request(seq % 256, *parts) for seq, parts in enumerate(requests)]


def test_write_and_read_back():
    requests = numbered(
        (Command.WRITE, at(Region.WEIGHTS, 5), 0, [1, 2, 3]),
        (Command.READ, at(Region.WEIGHTS, 4), 5),
        (Command.READ, at(Region.WEIGHTS, 5), 0),
        (Command.WRITE, at(Region.PROGRAM, 0), 0, list(range(MAX_WORDS))),
        (Command.READ, at(Region.PROGRAM, 0), MAX_WORDS),
        (Command.STATUS,),
    )
    answers, *_ = check(requests, [OK] * 6)
    assert answers[1].words[1:4] == (1, 2, 3)


def test_address_stays_in_its_region():
    top = (1 << REGION_SHIFT) - 1
    requests = numbered(
        (Command.WRITE, at(Region.IMAGE, top), 0, [1, 2]),
        (Command.READ, at(Region.SPIKES, top), 3),
    )
    _, memory, *_ = check(requests, [OK, OK])
    assert set(memory) == {at(Region.IMAGE, top), at(Region.IMAGE, 0)}


def test_regions():
    requests, statuses, written = [], [], set()
    for region in range(16):
        readable = region <= Region.SPIKES
        writable = region <= Region.IMAGE
        requests.append((Command.READ, at(region, 3), 2))
        requests.append((Command.WRITE, at(region, 3), 0, [7, 8]))
        statuses += [OK if readable else BAD_ADDRESS, OK if writable else BAD_ADDRESS]
        written |= {at(region, 3), at(region, 4)} if writable else set()
    _, memory, *_ = check(numbered(*requests), statuses)
    assert set(memory) == written


def test_seq():
    write = (Command.WRITE, at(Region.PARAMS, 1), 0)
    requests = [
        request(0, *write, [10]),
        request(0, *write, [11]),  # repeated: must not write
        request(2, *write, [12]),  # one is missing
        request(255, *write, [13]),
        request(0, Command.READ, at(Region.PARAMS, 1), 1),
        request(1, Command.READ, at(Region.PARAMS, 1), 1),
        request(200, Command.IDENTIFY, 0xFFFFFFFF, 3),
        request(200, Command.IDENTIFY, 0, 3),  # taken with any seq
        request(200, Command.STATUS),
        request(201, *write, [14]),
        request(1, Command.RUN, 5),
        request(202, Command.READ, at(Region.PARAMS, 1), 1),
    ]
    statuses = [OK, REPEATED, OUT_OF_ORDER, OUT_OF_ORDER, REPEATED, OK, OK, OK, REPEATED, OK]
    answers, memory, started, _ = check(requests, [*statuses, OUT_OF_ORDER, OK])
    assert answers[5].words == (10,) and answers[-1].words == (14,)
    assert not started
    assert answers[2].argument & INFO["expected"].largest == 1


def test_seq_wraps():
    requests = [request(254, Command.IDENTIFY, 0, 1)]
    requests += [request(seq % 256, Command.STATUS) for seq in range(255, 260)]
    requests += [request(3, Command.STATUS), request(255, Command.STATUS)]
    check(requests, [OK] * 6 + [REPEATED, OUT_OF_ORDER])


def test_first_seq_after_reset_is_0():
    check([request(255, Command.STATUS), request(0, Command.STATUS)], [REPEATED, OK])


def test_run():
    running = 1 << INFO["running"].lsb
    requests = numbered(
        (Command.RUN, 0x1234, 3),
        (Command.READ, at(Region.SPIKES), 1),
        (Command.READ, at(Region.REGISTERS, Register.STATUS), 2),
        (Command.RUN, 7, 3),
        (Command.WRITE, at(Region.WEIGHTS), 0, [5]),
        (Command.RUN, 7, MAX_WORDS + 1),
        STOP,
        (Command.READ, at(Region.SPIKES), 1),
        (Command.RUN, 0x10000, 1),
        (Command.RUN, 0xFFFF, 0),
    )
    statuses = [OK, BUSY, OK, BUSY, OK, BAD_ADDRESS, OK, OK, BAD_ADDRESS, OK]
    answers, _, started, _ = check(requests, statuses)
    assert started == [0x1234, 0xFFFF]
    assert [bool(answer.argument & running) for answer in answers] == [
        True, True, True, True, True, True, False, False, False, True,
    ]  # fmt: skip
    assert answers[0].words == answers[2].words + answers[0].words[2:]


@pytest.mark.parametrize("command", [Command.IDENTIFY, Command.READ, Command.RUN])
def test_too_many_words_wanted(command):
    for count in (MAX_WORDS + 1, 256, 0x8000, 0xFFFF):
        answers, *_ = check(numbered((command, 0, count), (Command.STATUS,)), [BAD_ADDRESS, OK])
        assert answers[0].count == 0 and answers[0].words == ()


def test_unknown_commands():
    codes = [0, 7, 8, 127, 128, 131, 255]
    check(numbered(*((code, 5, 2) for code in codes)), [BAD_COMMAND] * len(codes))


def test_baud():
    least, whole = LEAST_DIVISOR * DIVISOR_UNIT, 868 * DIVISOR_UNIT
    values = [least - 1, least, 2133, whole, 0xFFFFFF, 0x1000000, 0x10004000, 0, 0xFFFFFFFF]
    *_, divisors = check(
        numbered(*((Command.BAUD, value) for value in values)),
        [BAD_ADDRESS, OK, OK, OK, OK, BAD_ADDRESS, BAD_ADDRESS, BAD_ADDRESS, BAD_ADDRESS],
    )
    assert divisors == [least, 2133, whole, 0xFFFFFF]


@pytest.mark.parametrize("seed", range(4))
def test_random(seed):
    """Random sessions with every kind of request, right and wrong."""
    source = random.Random(seed)
    requests, seq = [], 0
    for _ in range(120):
        command = source.choice([*Command, Command.READ, Command.WRITE, Command.RUN, 9])
        region = source.choice([0, 0, 1, 2, 3, 4, 5, 6, 6, 7, 15])
        place = at(region, source.choice([0, 1, Register.CONTROL, source.getrandbits(28)]))
        words = [source.getrandbits(32) for _ in range(source.randrange(6))]
        wrong = source.random() < 0.2
        used = source.randrange(256) if wrong else seq
        if command == Command.WRITE:
            requests.append(Frame(used, command, len(words), place, tuple(words)))
        else:
            argument = source.choice([place, source.randrange(1 << 16)])
            count = source.choice([0, 1, 5, 20, MAX_WORDS + 1])
            requests.append(Frame(used, command, count, argument, ()))
        if used == seq or command == Command.IDENTIFY:
            seq = (used + 1) % 256
    shares = {"ready_share": source.choice([1.0, 0.6, 0.2]), "word_share": source.choice([1, 0.3])}
    answers, *_ = check(requests, **shares, seed=seed)
    assert len({answer.code for answer in answers}) >= 5
