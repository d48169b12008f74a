"""What the device of firmware/frames.py does, in plain Python, and a memory behind its bus.

Both have the same toy accelerator: every address is a word of memory, a run lasts until 1 is
written to CONTROL, and a word that was never written reads as ``untouched(address)``.
"""

import random

from myhdl import instance

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
from volley.rtl.link.uart import DIVISOR_BITS

CONTROL = address(Region.REGISTERS, Register.CONTROL)
ADDRESSES = (1 << REGION_SHIFT) - 1


def untouched(address):
    """What a word holds that was never written."""
    return (address * 2654435761 + 12345) & 0xFFFFFFFF


class Device:
    """The reference: ``answer`` executes a request, a ``Frame``, and returns the response.

    memory: dict of written words. started: entries of the programs that were started.
    divisors: what BAUD set.
    """

    def __init__(self):
        self.memory, self.started, self.divisors = {}, [], []
        self.expected, self.running, self.session = 0, False, 0

    def answer(self, request):
        seq, code, count, argument, words = request
        if code != Command.IDENTIFY and seq != self.expected:
            repeated = seq == (self.expected - 1) % 256
            return self._response(seq, Status.REPEATED if repeated else Status.OUT_OF_ORDER)
        self.expected = (seq + 1) % 256
        region = argument >> REGION_SHIFT
        if code == Command.IDENTIFY:
            self.session = argument & INFO["session"].largest
            return self._read(seq, count, 0)
        if code == Command.READ:
            if region > Region.SPIKES:
                return self._response(seq, Status.BAD_ADDRESS)
            if self.running and region != Region.REGISTERS and count <= MAX_WORDS:
                return self._response(seq, Status.BUSY)
            return self._read(seq, count, argument)
        if code == Command.WRITE:
            if region > Region.IMAGE:
                return self._response(seq, Status.BAD_ADDRESS)
            for offset, word in enumerate(words):
                target = region << REGION_SHIFT | (argument + offset) & ADDRESSES
                self.memory[target] = word
                if target == CONTROL and word & 1:
                    self.running = False
            return self._response(seq, Status.OK)
        if code == Command.RUN:
            if count > MAX_WORDS or argument >= 1 << 16:
                return self._response(seq, Status.BAD_ADDRESS)
            if self.running:
                return self._response(seq, Status.BUSY)
            self.running = True
            self.started.append(argument)
            return self._read(seq, count, address(Region.REGISTERS, Register.STATUS))
        if code == Command.STATUS:
            return self._response(seq, Status.OK)
        if code == Command.BAUD:
            if not LEAST_DIVISOR * DIVISOR_UNIT <= argument < 1 << DIVISOR_BITS:
                return self._response(seq, Status.BAD_ADDRESS)
            self.divisors.append(argument)
            return self._response(seq, Status.OK)
        return self._response(seq, Status.BAD_COMMAND)

    def _read(self, seq, count, start):
        if count > MAX_WORDS:
            return self._response(seq, Status.BAD_ADDRESS)
        base = start & ~ADDRESSES
        addresses = [base | (start + offset) & ADDRESSES for offset in range(count)]
        words = tuple(self.memory.get(address, untouched(address)) for address in addresses)
        return self._response(seq, Status.OK, words)

    def _response(self, seq, status, words=()):
        info = self.expected << INFO["expected"].lsb | self.running << INFO["running"].lsb
        info |= self.session << INFO["session"].lsb
        return Frame(seq, RESPONSE + status, len(words), info, words)


def bus_memory(clk, bus, memory, started, ready_share=0.7, seed=1, stable=True, ending=None):
    """An instance for ``run_bench``: the slave of ``bus``, which also checks its rules.

    memory, started: as in ``Device``, filled during the simulation. ready_share: how often the
    slave is ready; reads take 1 to 4 cycles. stable: an access must stay until it is taken. ending: a list; an
    item in it is taken out and ends the run.
    """
    chance, ending = random.Random(seed), [] if ending is None else ending

    @instance
    def answer_accesses():
        asked, wait, held = None, 0, None
        while True:
            yield clk.posedge
            assert not (bus.read and bus.write), "read and write together"
            access = (bool(bus.read), bool(bus.write), int(bus.address), int(bus.write_data))
            if held is not None and stable:
                assert access == held, "an access changed before it was taken"
            held = access if (bus.read or bus.write) and not bus.ready else None
            address = int(bus.address)
            bus.read_valid.next = False
            if bus.run:
                assert not bus.running, "run while running"
                started.append(int(bus.entry))
                bus.running.next = True
            if ending:
                ending.pop()
                bus.running.next = False
            if bus.write and bus.ready:
                memory[address] = int(bus.write_data)
                if address == CONTROL and memory[address] & 1:
                    bus.running.next = False
            if asked is not None:
                assert not bus.read, "read before the answer to the read before"
                wait -= 1
                if wait == 0:
                    bus.read_data.next = memory.get(asked, untouched(asked))
                    bus.read_valid.next = True
                    asked = None
            if bus.read and bus.ready:
                asked, wait = address, chance.randrange(1, 5)
            bus.ready.next = chance.random() < ready_share

    return answer_accesses
