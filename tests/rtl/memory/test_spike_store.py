"""The spike memory with its writers: pictures, whole words of the host, pooled pixels; and its readers."""

import dataclasses
import random

import numpy as np
import pytest
from myhdl import instance

from tests.support.bench import clock, flag, run_bench
from volley.firmware.design import Design
from volley.firmware.fields import pack
from volley.firmware.isa import BANKS, LANES
from volley.firmware.registers import IMAGE_SHAPE
from volley.firmware.stream import picture_words
from volley.rtl.control.beat import Beat
from volley.rtl.control.host_port import HostPort
from volley.rtl.core import host_words
from volley.rtl.link.bus import Bus
from volley.rtl.memory.spike import SpikeOutputs
from volley.rtl.memory.spike_store import ahead, spike_store
from volley.rtl.pipeline import Results

DESIGN = Design(ci=8, co=4, spike_words=96)
BASE = 10


class Bench:
    """The store, and generators that write to it and read from it."""

    def __init__(self, design=DESIGN):
        self.clk, self.done, self.bus, self.host = clock(), flag(), Bus(), HostPort(DESIGN)
        self.beat, self.ahead = Beat(DESIGN), ahead(design)
        self.results = Results(self.beat.target_layout, DESIGN)
        self.outputs, self.shown = SpikeOutputs(DESIGN), host_words(DESIGN.spike_columns)
        self.dut = spike_store(
            self.clk, self.beat, self.results, self.bus.write_data, self.host, self.outputs,
            self.shown, design,
        )  # fmt: skip

    def run(self, generator):
        """Runs a generator function to its end."""

        @instance
        def stimulus():
            yield self.clk.posedge
            yield from generator()
            self.done.next = True
            yield self.clk.posedge

        run_bench([self.dut, stimulus], self.clk, self.done, cycles=20000)

    def stream(self, accept, word):
        """A word of a stream, when the writer is ready for it."""
        while not self.host.image_ready:
            yield self.clk.negedge
        self.bus.write_data.next = int(word)
        accept.next = True
        yield self.clk.posedge
        accept.next = False
        yield self.clk.negedge

    def settle(self):
        """Waits until the last word is written."""
        for _ in range(4 * LANES):
            yield self.clk.posedge
        yield self.clk.negedge

    def read(self, addresses):
        """The words of the three banks at these addresses, as a beat sees them: bytes of CI channels."""
        for signal, address in zip(self.beat.addresses, addresses):
            signal.next = address
        for _ in range(self.ahead):
            yield self.clk.posedge
        self.beat.valid.next = True
        yield self.clk.posedge
        self.beat.valid.next = False
        yield self.clk.posedge
        yield self.clk.negedge
        words = [int(word) for word in self.outputs.words]
        lanes = [int(word) for word in self.outputs.lanes]
        for word, lane_word in zip(words, lanes):
            for channel in range(DESIGN.ci):
                for lane in range(LANES):
                    bit = word >> 8 * channel + lane & 1
                    assert lane_word >> lane * DESIGN.ci + channel & 1 == bit
        return [list(word.to_bytes(DESIGN.ci, "little")) for word in words]


@pytest.mark.parametrize("reach", [0, 1])
@pytest.mark.parametrize("shape", [(1, 5, 4), (3, 4, 3), (8, 3, 2), (11, 4, 3)])
def test_a_picture_becomes_words(shape, reach):
    """Byte c of a word is channel c; channels that no picture has are 0."""
    channels, height, width = shape
    groups = -(-channels // DESIGN.ci)
    picture = np.random.default_rng(channels).integers(0, 256, shape, np.uint8)
    bench = Bench(dataclasses.replace(DESIGN, reach=reach))

    def steps():
        host = bench.host
        host.image_base.next, host.image_stride.next = BASE, groups * width
        fields = {"width": width, "height": height, "channels": channels}
        host.image_shape.next = pack(IMAGE_SHAPE, fields, 1, "test")[0]
        host.image_start.next = True
        for word in picture_words(picture):
            yield from bench.stream(host.image_accept, word)
            host.image_start.next = False
        yield from bench.settle()
        padded = np.zeros((groups * DESIGN.ci, height, width), np.uint8)
        padded[:channels] = picture
        for y in range(height):
            for group in range(groups):
                for x in range(width):
                    address = BASE + y // BANKS * groups * width + group * width + x
                    found = yield from bench.read([address] * BANKS)
                    wanted = padded[group * DESIGN.ci : (group + 1) * DESIGN.ci, y, x]
                    assert found[y % BANKS] == list(wanted)

    bench.run(steps)


@pytest.mark.parametrize("reach", [0, 1])
def test_the_host_writes_whole_words_and_reads_them_back(reach):
    rng = random.Random(1)
    words = [rng.getrandbits(8 * DESIGN.ci) for _ in range(9)]
    bench = Bench(dataclasses.replace(DESIGN, reach=reach))

    def steps():
        host = bench.host
        for number, word in enumerate(words):
            host.word_bank.next, host.word_address.next = number % BANKS, number // BANKS
            for column in range(DESIGN.spike_columns):
                host.word_column.next = column
                yield from bench.stream(host.word_accept, word >> 32 * column & 0xFFFFFFFF)
            yield from bench.settle()
        for number, word in enumerate(words):
            host.row.next, host.bank.next = number // BANKS, number % BANKS
            host.read_spikes.next = True
            for _ in range(4 + bench.ahead):
                yield bench.clk.posedge
            yield bench.clk.negedge
            found = [int(column) for column in bench.shown]
            assert found == [word >> 32 * k & 0xFFFFFFFF for k in range(DESIGN.spike_columns)]
        host.read_spikes.next = False
        found = yield from bench.read([1] * BANKS)
        assert found == [list(word.to_bytes(DESIGN.ci, "little")) for word in words[3:6]]

    bench.run(steps)


@pytest.mark.parametrize("reach", [0, 1])
def test_pooled_pixels_fill_their_part_and_clear_those_above(reach):
    """Part 0 is written first, so what an earlier layer left in the others is gone."""
    rng = random.Random(2)
    bench = Bench(dataclasses.replace(DESIGN, reach=reach))
    layout = bench.beat.target_layout
    parts = DESIGN.ci // DESIGN.co

    def steps():
        for address, bank in ((4, 0), (5, 1), (6, 2)):
            wanted = [255] * DESIGN.ci
            for sub in (parts - 1, 0, parts - 1):
                spikes = [rng.randrange(256) for _ in range(DESIGN.co)]
                target = (
                    address << layout.address[1] | bank << layout.bank[1] | sub << layout.sub[1]
                )
                bench.results.target.next = target
                bench.results.pooled.next = int.from_bytes(bytes(spikes), "little")
                bench.results.pooled_write.next = True
                yield bench.clk.posedge
                bench.results.pooled_write.next = False
                wanted[sub * DESIGN.co : (sub + 1) * DESIGN.co] = spikes
                wanted[(sub + 1) * DESIGN.co :] = [0] * (DESIGN.ci - (sub + 1) * DESIGN.co)
            yield from bench.settle()
            found = yield from bench.read([address] * BANKS)
            assert found[bank] == wanted
            assert all(word == [0] * DESIGN.ci for k, word in enumerate(found) if k != bank)

    bench.run(steps)


def test_banks_without_a_row_on_the_map_are_not_read():
    """In a design with ``gate`` a bank whose row is masked keeps what it shows; the host reads all."""
    rng = random.Random(4)
    bench = Bench(dataclasses.replace(DESIGN, gate=1))
    words = [[rng.getrandbits(8 * DESIGN.ci) for _ in range(BANKS)] for _ in range(9)]
    kept = []

    def steps():
        host, beat = bench.host, bench.beat
        for address, row in enumerate(words):
            for bank, word in enumerate(row):
                host.word_bank.next, host.word_address.next = bank, address
                for column in range(DESIGN.spike_columns):
                    host.word_column.next = column
                    yield from bench.stream(host.word_accept, word >> 32 * column & 0xFFFFFFFF)
                yield from bench.settle()
        shown = yield from bench.read([0] * BANKS)
        for _ in range(40):
            center, top, bottom = rng.randrange(BANKS), rng.random() < 0.5, rng.random() < 0.5
            beat.center.next, beat.mask_top.next, beat.mask_bottom.next = center, top, bottom
            addresses = [rng.randrange(9) for _ in range(BANKS)]
            read = yield from bench.read(addresses)
            for bank, address in enumerate(addresses):
                masked = [False, bottom, top][(bank - center) % BANKS]
                wanted = (
                    shown[bank]
                    if masked
                    else list(words[address][bank].to_bytes(DESIGN.ci, "little"))
                )
                assert read[bank] == wanted
                kept.append(masked)
            shown = read

    bench.run(steps)
    assert {True, False} == set(kept)
