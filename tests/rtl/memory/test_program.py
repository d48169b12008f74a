"""The memory of programs: ``fetch`` and the host read what the host wrote."""

import random

from myhdl import instance

from tests.support.bench import clock, flag, run_bench
from volley.firmware.design import Design
from volley.rtl.control.fetch import ReadPort
from volley.rtl.control.host_port import HostPort
from volley.rtl.memory.program import program_memory

WORDS = 40


def test_program_memory():
    rng = random.Random(3)
    clk, done = clock(), flag()
    host, port, write, host_read = HostPort(Design(ci=8, co=4)), ReadPort(WORDS), flag(), flag()
    dut = program_memory(clk, write, host, port, host_read, WORDS)
    words = [rng.getrandbits(32) for _ in range(WORDS)]

    @instance
    def stimulus():
        for index, word in enumerate(words):
            host.index.next, host.data.next, write.next = index, word, True
            yield clk.posedge
        write.next = False
        host.data.next = 0
        for _ in range(3 * WORDS):
            fetched, shown, by_host = rng.randrange(WORDS), rng.randrange(WORDS), rng.random() < 0.5
            port.address.next, port.read.next = fetched, not by_host
            host.row.next, host_read.next = shown, by_host
            yield clk.posedge
            yield clk.negedge
            assert port.data == words[shown if by_host else fetched]
        port.read.next = host_read.next = False
        port.address.next = 0
        kept = int(port.data)
        yield clk.posedge
        yield clk.negedge
        assert port.data == kept
        done.next = True
        yield clk.posedge

    run_bench([dut, stimulus], clk, done, cycles=1000)
