"""Two masters of one bus, each of which sees a bus of its own."""

from myhdl import Signal, always, always_comb, block, instances


class Choice:
    """Whose turn it is.

    second   the bus has the access of the second master in this cycle, else that of the first
    asks     whoever has it writes or reads, and no read waits for its answer
    answers  the read that was taken last is the second's: session and answer are for it
    """

    def __init__(self):
        self.second, self.asks, self.answers = (Signal(bool(0)) for _ in range(3))


@block
def choose_master(clk, first, second, bus, choice):
    """Drives ``choice``. An access that was not taken keeps its turn, until it is taken back.

    Of two that ask at once, the one that was not served last has its turn. bus: of the accelerator.
    """
    held, held_second, last = (Signal(bool(0)) for _ in range(3))
    reading = Signal(bool(0))  # a read was taken that is not answered yet
    first_asks, second_asks = (Signal(bool(0)) for _ in range(2))

    @always_comb
    def drive_asks():
        first_asks.next = first.write or first.read
        second_asks.next = second.write or second.read

    @always_comb
    def drive_choice():
        if held:
            choice.second.next = held_second
            choice.asks.next = (held_second and second_asks) or (not held_second and first_asks)
        else:
            choice.second.next = second_asks and not (first_asks and last)
            choice.asks.next = (first_asks or second_asks) and not (reading and not bus.read_valid)

    @always(clk.posedge)
    def keep_turn():
        held.next = choice.asks and not bus.ready
        held_second.next = choice.second
        if bus.read_valid:
            reading.next = False
        if choice.asks and bus.ready:
            last.next = choice.second
            if bus.read:
                reading.next = True
                choice.answers.next = choice.second

    return instances()


@block
def bus_arbiter(clk, first, second, bus):
    """Accesses of ``first`` and ``second``, one after another, become those of ``bus``.

    first, second: ``volley.rtl.link.bus.Buses`` of which this is the slave. bus: the one of the accelerator, of
    which this is the master. An access goes on to ``bus`` in the cycle in which it is made, if it is its
    turn. Between a read and its answer there is no other access.

    A run is passed on while nothing runs, that of ``first`` where both come at once; another one is dropped.
    The number of a session is that of the master whose read was taken last.
    """
    choice = Choice()
    choose_master_inst = choose_master(clk, first, second, bus, choice)
    started = Signal(bool(0))  # a run was given in the cycle before: not seen as running yet

    @always_comb
    def drive_access():
        if choice.second:
            bus.address.next = second.address
            bus.write_data.next = second.write_data
            bus.write.next = second.write and choice.asks
            bus.read.next = second.read and choice.asks
        else:
            bus.address.next = first.address
            bus.write_data.next = first.write_data
            bus.write.next = first.write and choice.asks
            bus.read.next = first.read and choice.asks

    @always_comb
    def drive_session():
        bus.session.next = first.session
        if choice.answers:
            bus.session.next = second.session

    @always_comb
    def drive_run():
        bus.run.next = (first.run or second.run) and not bus.running and not started
        bus.entry.next = second.entry
        if first.run:
            bus.entry.next = first.entry

    @always(clk.posedge)
    def note_run():
        started.next = bus.run

    @always_comb
    def answer_first():
        first.ready.next = bus.ready and choice.asks and not choice.second
        first.read_data.next = bus.read_data
        first.read_valid.next = bus.read_valid and not choice.answers
        first.running.next = bus.running or started

    @always_comb
    def answer_second():
        second.ready.next = bus.ready and choice.asks and choice.second
        second.read_data.next = bus.read_data
        second.read_valid.next = bus.read_valid and choice.answers
        second.running.next = bus.running or started

    return instances()
