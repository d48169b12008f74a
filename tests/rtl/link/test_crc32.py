"""The CRC in hardware against zlib."""

import random
import zlib

import pytest
from myhdl import Signal, instance, intbv

from tests.support.bench import clock, flag, run_bench
from volley.firmware.frames import CRC_RESIDUE
from volley.rtl.convert.myhdl_speedup import quick_inspect
from volley.rtl.link.crc32 import crc32


def ref_crc32(cases):
    return [zlib.crc32(case) for case in cases]


@quick_inspect()
def rtl_crc32(cases, seed=1):
    """The CRC of each of several byte strings, with pauses between the bytes."""
    clk, done = clock(), flag()
    clear, valid, data = flag(), flag(), Signal(intbv(0)[8:])
    crc = Signal(intbv(0)[32:])
    dut = crc32(clk, clear, valid, data, crc)
    pauses, results = random.Random(seed), []

    @instance
    def stimulus():
        for case in cases:
            clear.next = True
            yield clk.negedge
            clear.next = False
            for byte in case:
                while pauses.random() < 0.3:
                    valid.next = False
                    data.next = pauses.randrange(256)
                    yield clk.negedge
                valid.next = True
                data.next = byte
                yield clk.negedge
            valid.next = False
            yield clk.negedge
            results.append(int(crc))
        done.next = True

    run_bench([dut, stimulus], clk, done, 10 * sum(map(len, cases)) + 10 * len(cases) + 10)
    return results


CASES = [b"", b"\0", b"\xff", b"123456789", bytes(range(256)), b"\0" * 40, b"\xff" * 40]


def test_against_zlib():
    assert rtl_crc32(CASES) == ref_crc32(CASES)


@pytest.mark.parametrize("seed", range(3))
def test_random(seed):
    source = random.Random(seed)
    cases = [source.randbytes(source.randrange(60)) for _ in range(20)]
    assert rtl_crc32(cases, seed) == ref_crc32(cases)


def test_residue():
    followed = [case + zlib.crc32(case).to_bytes(4, "little") for case in CASES]
    assert rtl_crc32(followed) == [CRC_RESIDUE] * len(CASES)
