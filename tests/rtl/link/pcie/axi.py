"""Source and sink of beats for the tests, as the hard block makes and takes them."""

import random

from myhdl import instance

from volley.rtl.link.pcie.pcie_endpoint import USER_BAR0, USER_ECRC, USER_POISONED


class Arrival:
    """A packet on its way to the engine.

    words: its DW. bar: it hit BAR0. poisoned, ecrc: as the hard block marks it. cut: beats after which
    the source stops in mid-packet, or ``None``.
    """

    def __init__(self, words, bar=True, poisoned=False, ecrc=False, cut=None):
        self.words, self.bar, self.poisoned, self.ecrc, self.cut = words, bar, poisoned, ecrc, cut

    def beats(self):
        """(data, keep, last, user) of each beat; an ECRC error is known at the end."""
        user = self.bar << USER_BAR0 | self.poisoned << USER_POISONED
        for start in range(0, len(self.words), 2):
            low, *high = self.words[start : start + 2]
            last = start + 2 >= len(self.words)
            data = low | (high[0] << 32 if high else 0)
            yield data, 0xFF if high else 0x0F, last, user | (last and self.ecrc) << USER_ECRC


def axi_source(clk, port, arrivals, share=1.0, seed=1):
    """An instance: gives the ``Arrivals`` of the list ``arrivals``, which may grow, and removes them.

    share: how often a beat is offered.
    """
    chance = random.Random(seed)

    @instance
    def offer_beats():
        while True:
            if not arrivals:
                yield clk.posedge
                continue
            arrival = arrivals[0]
            for number, (data, keep, last, user) in enumerate(arrival.beats()):
                if arrival.cut == number:
                    break
                while chance.random() >= share:
                    yield clk.posedge
                port.tdata.next, port.tkeep.next = data, keep
                port.tlast.next, port.tuser.next, port.tvalid.next = last, user, True
                yield clk.posedge
                while not port.tready:
                    yield clk.posedge
                port.tvalid.next = False
            arrivals.pop(0)

    return offer_beats


def axi_sink(clk, rst, port, packets, share=1.0, seed=2, stalled=lambda: False):
    """An instance: takes packets, lists of DW, into the list ``packets``; checks tkeep and stability.

    rst: the open packet is forgotten.

    share: how often it is ready. stalled: it takes nothing while this is true.
    """
    chance = random.Random(seed)

    @instance
    def take_beats():
        words, held = [], None
        while True:
            yield clk.posedge
            if rst:
                words, held = [], None
                continue
            beat = (int(port.tdata), int(port.tkeep), bool(port.tlast)) if port.tvalid else None
            assert held is None or beat == held, "a beat changed before it was taken"
            held = None if port.tready else beat
            if port.tvalid and port.tready:
                data, keep, last = beat
                assert keep == 0xFF or (keep == 0x0F and last), f"tkeep {keep:#x}"
                words.append(data & 0xFFFFFFFF)
                if keep == 0xFF:
                    words.append(data >> 32)
                if last:
                    packets.append(words)
                    words = []
            port.tready.next = not stalled() and chance.random() < share

    return take_beats
