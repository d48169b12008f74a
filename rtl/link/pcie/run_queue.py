"""A start of the program that waits for the end of the one that runs."""

from myhdl import Signal, always, always_comb, block, instances, intbv

from volley.rtl.link.bus import ENTRY_BITS


class WaitingRun:
    """A start that may wait.

    Driven by who asks: ask, entry   one cycle: the program at ``entry`` is to start; not while ``waiting``
                        cancel       one cycle: a start that waits is forgotten
    Driven by ``run_queue``: waiting     a start waits; from the cycle of ``ask`` on
                             under_way   a program runs, begins, or waits
    """

    def __init__(self):
        self.ask, self.cancel, self.waiting, self.under_way = (Signal(bool(0)) for _ in range(4))
        self.entry = Signal(intbv(0)[ENTRY_BITS:])


@block
def run_queue(clk, rst, queue, bus):
    """Drives ``bus.run`` and ``bus.entry``: at once, or in the second cycle behind the end of what runs.

    queue: a ``WaitingRun``. bus: a ``volley.rtl.link.bus.Bus``, whose ``running`` is set in the cycle after ``run``.
    """
    held = Signal(bool(0))

    @always_comb
    def drive_state():
        queue.waiting.next = held or queue.ask
        queue.under_way.next = held or queue.ask or bus.run or bus.running

    @always(clk.posedge)
    def start_run():
        bus.run.next = False
        if rst or queue.cancel:
            held.next = False
        elif queue.ask:
            held.next = True
            bus.entry.next = queue.entry
        elif held and not bus.running and not bus.run:
            held.next = False
            bus.run.next = True

    return instances()
