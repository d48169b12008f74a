"""The whole link over its pins: a session of bytes in, answers and a memory out."""

import random

import pytest

from tests.support.bench import clock, flag
from tests.support.hdl import check_ghdl, check_icarus, check_verilator, convert
from tests.support.link_device import Device, untouched
from tests.support.link_line import Line, encoded, request
from volley.firmware import frames
from volley.firmware.frames import (
    BAD_FRAMES_TO_FALL_BACK,
    DIVISOR_UNIT,
    INFO,
    LEAST_DIVISOR,
    MAX_WORDS,
    RESPONSE,
    Command,
    Status,
)  # fmt: skip
from volley.firmware.registers import Region, address
from volley.rtl.convert.myhdl_speedup import quick_inspect
from volley.rtl.link.bus import Bus
from volley.rtl.link.link import link

WEIGHTS = address(Region.WEIGHTS)


def run_pipelined(requests, limit, ready_share=0.7):
    """Sends all requests back to back; checks answers and memory against the reference."""
    line, device = Line(ready_share=ready_share), Device()
    expected = [device.answer(frame) for frame in requests]

    def session():
        yield line.send(encoded(requests))
        yield line.wait(len(requests))
        yield line.pause(30)

    cycles = line.run(session, limit)
    assert line.answers == expected
    assert (line.memory, line.started) == (device.memory, device.started)
    return cycles


def test_write_and_read_back():
    words = [0, 1, 0xFFFFFFFF, 0x80000000, 0x01020304]
    run_pipelined(
        [
            request(9, Command.IDENTIFY, 0, 4),
            request(10, Command.WRITE, WEIGHTS, 0, words),
            request(11, Command.READ, WEIGHTS, len(words) + 1),
        ],
        20000,
    )


def test_repeated_and_out_of_order():
    run_pipelined(
        [
            request(0, Command.WRITE, WEIGHTS, 0, [1]),
            request(0, Command.WRITE, WEIGHTS, 0, [2]),
            request(2, Command.WRITE, WEIGHTS, 0, [3]),
            request(1, Command.READ, WEIGHTS, 1),
            request(1, Command.RUN, 5),
            request(2, Command.RUN, 6, 3),
            request(2, Command.RUN, 7, 3),
            request(3, Command.READ, WEIGHTS, 1),
        ],
        20000,
    )


def test_many_requests_under_way():
    """Uploads back to back take no longer than the line: execution keeps pace with it."""
    source = random.Random(3)
    requests = [
        request(seq, Command.WRITE, WEIGHTS + seq, 0, [source.getrandbits(32) for _ in range(20)])
        for seq in range(10)
    ]
    line_cycles = len(encoded(requests)) * 10 * LEAST_DIVISOR
    cycles = run_pipelined(requests, 2 * line_cycles, ready_share=0.5)
    assert cycles < line_cycles + 2000  # the last answer, and some bits after it


@pytest.mark.slow
def test_longest_frames():
    words = [untouched(k) for k in range(MAX_WORDS)]
    run_pipelined(
        [
            request(0, Command.WRITE, WEIGHTS, 0, words),
            request(1, Command.READ, WEIGHTS, MAX_WORDS),
        ],
        150_000,
    )


def test_answers_wait_for_the_line():
    """Requests that want more than the line carries: nothing is lost, answers just take longer."""
    requests = [request(seq, Command.READ, WEIGHTS + seq, 40) for seq in range(5)]
    run_pipelined(requests, 100_000)


def damaged(frame):
    """The frame with each byte flipped, dropped or doubled in turn."""
    for place in range(len(frame)):
        flipped = bytes([frame[place] ^ 1 << place % 8])
        yield frame[:place] + flipped + frame[place + 1 :]
        yield frame[:place] + frame[place + 1 :]
        yield frame[:place] + frame[place : place + 1] * 2 + frame[place + 1 :]


def test_damage_at_each_byte():
    """Never a wrong write: each damaged frame is followed by the whole one, which is executed."""
    line, seq = Line(), 0
    cases = []
    for place in range(len(frames.encode(*request(0, Command.WRITE, WEIGHTS, 0, [0])))):
        for kind in range(3):
            cases.append((place, kind))

    def session():
        nonlocal seq
        yield line.send(b"\0")
        for number, (place, kind) in enumerate(cases):
            frame = frames.encode(*request(seq, Command.WRITE, WEIGHTS, 0, [number << 8 | 0xA5]))
            bad = list(damaged(frame))[3 * place + kind]
            before = line.answered
            yield line.send(bad + b"\0" + frame)
            yield line.wait(before + 1)
            if number % 4 == 3:
                yield line.pause(20 * 14)
            # whatever became of the damaged frame, the word was written once or twice, right
            assert set(line.memory) == {WEIGHTS}
            assert line.memory[WEIGHTS] == number << 8 | 0xA5
            seq = (seq + 1) % 256

    line.run(session, 300_000)
    codes = [answer.code - RESPONSE for answer in line.answers]
    assert codes.count(Status.OK) == len(cases)
    assert set(codes) <= {Status.OK, Status.REPEATED}
    # only a damaged delimiter leaves the frame before it whole
    assert codes.count(Status.REPEATED) <= 3


def test_truncated_foreign_and_too_long():
    line = Line()
    good = [request(seq, Command.WRITE, WEIGHTS + seq, 0, [seq + 1]) for seq in range(4)]
    long = frames.encode(4, Command.WRITE, MAX_WORDS + 1, WEIGHTS, [9] * (MAX_WORDS + 1))

    def session():
        yield line.send(b"login: \r\n\xff\xfe\0" + encoded(good[:1]))
        yield line.send(frames.encode(*good[1])[:9] + b"\0" + encoded(good[1:2]))
        yield line.send(long + encoded(good[2:3]))
        yield line.send(long[:40])  # cut off: its end is the delimiter of what comes next
        yield line.send(b"\0" + encoded(good[3:]))
        yield line.wait(4)
        yield line.pause(300)

    line.run(session, 200_000)
    assert [answer.seq for answer in line.answers] == [0, 1, 2, 3]
    assert line.memory == {WEIGHTS + seq: seq + 1 for seq in range(4)}


def test_baud():
    """The answer to BAUD still has the old divisor, all after it the new one."""
    line = Line(reset_divisor=8)

    def session():
        yield line.send(encoded([request(0, Command.IDENTIFY, 0, 2)]))
        yield line.wait(1)
        for number, divisor in enumerate([LEAST_DIVISOR, 13, 8.25, 9], start=1):
            parts = int(divisor * DIVISOR_UNIT)
            yield line.send(encoded([request(2 * number - 1, Command.BAUD, parts)]))
            yield line.wait(2 * number)
            yield line.pause(1)  # the rest of the stop bit
            line.divisor[0] = divisor
            yield line.send(encoded([request(2 * number, Command.READ, WEIGHTS, 2)]))
            yield line.wait(2 * number + 1)

    line.run(session, 50_000)
    assert [answer.code - RESPONSE for answer in line.answers] == [Status.OK] * 9
    assert line.answers[-1].words == (untouched(WEIGHTS), untouched(WEIGHTS + 1))


def test_baud_after_a_long_answer():
    """Answers that still wait to leave when BAUD is executed leave at the old divisor."""
    line = Line(reset_divisor=5)

    def session():
        yield line.send(
            encoded(
                [request(0, Command.READ, WEIGHTS, 100), request(1, Command.BAUD, 9 * DIVISOR_UNIT)]
            )
        )
        yield line.wait(2)
        yield line.pause(1)
        line.divisor[0] = 9
        yield line.send(encoded([request(2, Command.STATUS)]))
        yield line.wait(3)

    line.run(session, 100_000)
    assert [answer.count for answer in line.answers] == [100, 0, 0]


def fall_back(nuisance, divisor=20):
    """Sets ``divisor``, sends ``nuisance`` bytes, and asks again at the divisor of the reset."""
    line = Line(reset_divisor=LEAST_DIVISOR)
    answered = []

    def session():
        yield line.send(encoded([request(0, Command.BAUD, divisor * DIVISOR_UNIT)]))
        yield line.wait(1)
        yield line.pause(1)
        line.divisor[0] = divisor
        yield line.send(encoded([request(1, Command.STATUS)]))
        yield line.wait(2)
        yield line.send(nuisance)
        yield line.pause(40)
        line.divisor[0] = LEAST_DIVISOR
        yield line.send(b"\0" + encoded([request(0, Command.IDENTIFY, 0, 1)]))
        yield line.pause(600)
        answered.append(line.answered - 2)

    line.run(session, 200_000)
    return answered[0]


def test_a_divisor_that_is_an_input():
    """It counts after a reset, and again when the link falls back to it."""
    line = Line(reset_divisor=6, as_input=True)

    def session():
        line.input.next = 6 * DIVISOR_UNIT
        line.rst.next = True
        yield line.pause(1)
        line.rst.next = False
        yield line.pause(1)
        yield line.send(encoded([request(0, Command.BAUD, 20 * DIVISOR_UNIT)]))
        yield line.wait(1)
        yield line.pause(1)
        line.divisor[0] = 20
        yield line.send(b"\x05bad\0" * BAD_FRAMES_TO_FALL_BACK)
        yield line.pause(40)
        line.divisor[0] = 6
        yield line.send(b"\0" + encoded([request(1, Command.IDENTIFY, 0, 1)]))
        yield line.wait(2)

    line.run(session, 200_000)


def test_fall_back():
    assert fall_back(b"\x05bad\0" * BAD_FRAMES_TO_FALL_BACK) == 1


def test_no_fall_back_before_its_time():
    assert fall_back(b"\x05bad\0" * (BAD_FRAMES_TO_FALL_BACK - 2)) == 0


def test_fall_back_when_the_host_is_slower():
    """A host that opens the port anew at a lower rate gets through on its second attempt."""
    line = Line(reset_divisor=26)

    def session():
        yield line.send(encoded([request(0, Command.BAUD, LEAST_DIVISOR * DIVISOR_UNIT)]))
        yield line.wait(1)
        yield line.pause(1)
        for attempt in range(3):
            before = line.answered
            yield line.send(b"\0" + encoded([request(attempt, Command.IDENTIFY, 0, 1)]))
            yield line.pause(400)
            if line.answered > before:
                break
        assert attempt == 1 and line.answered == 2

    line.run(session, 300_000)


def test_intact_frames_keep_the_divisor():
    """Bad frames count only in a row."""
    line = Line()
    rounds = 3

    def session():
        yield line.send(encoded([request(0, Command.BAUD, 9 * DIVISOR_UNIT)]))
        yield line.wait(1)
        yield line.pause(1)
        line.divisor[0] = 9
        for number in range(rounds):
            yield line.send(b"\x05bad\0" * (BAD_FRAMES_TO_FALL_BACK - 1))
            yield line.send(encoded([request(1 + number, Command.STATUS)]))
            yield line.wait(2 + number)

    line.run(session, 100_000)
    assert line.answers[-1].argument & INFO["expected"].largest == 1 + rounds


def test_reset():
    """A reset in mid-frame: the expected seq and the divisor are those of power-up."""
    line = Line()
    first = [request(0, Command.STATUS), request(1, Command.BAUD, 11 * DIVISOR_UNIT)]

    def session():
        yield line.send(encoded(first))
        yield line.wait(2)
        yield line.pause(1)
        line.divisor[0] = 11
        yield line.send(frames.encode(*request(2, Command.WRITE, WEIGHTS, 0, [5]))[:9])
        line.rst.next = True
        yield line.pause(1)
        line.rst.next = False
        line.divisor[0] = LEAST_DIVISOR
        yield line.send(encoded([request(0, Command.READ, WEIGHTS, 1)]))
        yield line.wait(3)

    line.run(session, 50_000)
    assert line.answers[-1].words == (untouched(WEIGHTS),)


@pytest.mark.parametrize("seq", [0, 1, 239, 240, 254, 255])
def test_a_reset_ends_the_session(seq):
    """Whatever the next seq is, no answer after a reset has the session's number."""
    line, number = Line(), 0xA5C3
    asked = [request(seq - 1, Command.IDENTIFY, number, 1), request(seq, Command.STATUS)]

    def session():
        yield line.send(encoded(asked))
        yield line.wait(2)
        line.rst.next = True
        yield line.pause(1)
        line.rst.next = False
        yield line.send(encoded([request(seq + 1, Command.READ, WEIGHTS, 1)]))
        yield line.wait(3)

    line.run(session, 50_000)
    field = INFO["session"]
    found = [answer.argument >> field.lsb & field.largest for answer in line.answers]
    assert found == [number, number, 0]


def test_reset_divisor_that_can_not_work():
    with pytest.raises(ValueError, match="divisor is 3, allowed is 4"):
        Line(reset_divisor=3)


@quick_inspect()
def whole_link():
    return link(clock(), flag(), flag(True), flag(True), Bus(), 868)


@pytest.mark.parametrize(
    "check",
    [
        pytest.param(check_icarus, marks=pytest.mark.icarus),
        pytest.param(check_verilator, marks=pytest.mark.verilator),
    ],
)
def test_verilog(tmp_path, check):
    path = convert(whole_link(), tmp_path, "link", "Verilog")
    assert "][" not in path.read_text(), "an indexed slice, which Yosys misreads"
    check(path)


@pytest.mark.ghdl
def test_vhdl(tmp_path):
    path = convert(whole_link(), tmp_path, "link", "VHDL")
    (package,) = tmp_path.glob("pck_myhdl_*.vhd")
    check_ghdl(package.name, path)
