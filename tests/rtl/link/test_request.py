"""Numbers of requests and sessions, cycle by cycle; the verdicts are tested with the executor."""

import random

import pytest
from myhdl import Signal, instance, intbv

from tests.support.bench import clock, flag, run_bench
from volley.firmware.frames import INFO, SEQS, Command, Status
from volley.rtl.link.bus import Bus
from volley.rtl.link.request import STATUS_BITS, Numbers, Request, request_check, request_numbers


@pytest.mark.parametrize("seed", range(3))
def test_numbers(seed):
    """Requests in order, repeated, out of order and of new sessions, and resets between them."""
    rng = random.Random(seed)
    clk, rst, judged, done = clock(), flag(), flag(), flag()
    request, numbers, verdict = Request(), Numbers(Bus().session), Signal(intbv(0)[STATUS_BITS:])
    parts = [
        request_check(request, numbers, flag(), verdict),
        request_numbers(clk, rst, request, judged, verdict, numbers),
    ]
    expected = session = 0
    seen = set()

    @instance
    def stimulus():
        nonlocal expected, session
        for _ in range(600):
            seq = rng.choice([expected, expected, (expected - 1) % SEQS, rng.randrange(SEQS)])
            command = rng.choice([Command.IDENTIFY, Command.STATUS, Command.STATUS, 99])
            request.seq.next, request.command.next = seq, command
            request.address.next = rng.getrandbits(32)
            judged.next, rst.next = rng.random() < 0.8, rng.random() < 0.02
            yield clk.posedge
            seen.add(int(verdict))
            if rst:
                expected = session = 0
            elif judged and (command == Command.IDENTIFY or seq == expected):
                expected = (seq + 1) % SEQS
                if command == Command.IDENTIFY:
                    session = int(request.address) & INFO["session"].largest
            judged.next, rst.next = False, False
            yield clk.negedge
            assert (numbers.expected, numbers.session) == (expected, session)
            assert numbers.previous == (expected - 1) % SEQS
        done.next = True

    run_bench([*parts, stimulus], clk, done, 2000)
    assert seen >= {Status.OK, Status.REPEATED, Status.OUT_OF_ORDER, Status.BAD_COMMAND}
