"""The control word ERRORS."""

from myhdl import Signal, always, block, instances, intbv

from volley.firmware.fields import WORD_BITS
from volley.firmware.pcie import ERRORS

COUNT_BITS = ERRORS["damaged"].width


class LinkErrors:
    """What went wrong with a packet, for one cycle each.

    dropped      it was damaged or too long
    poisoned     its header says that its payload is no good
    unsupported  it is a request that is not served
    """

    def __init__(self):
        self.dropped, self.poisoned, self.unsupported = (Signal(bool(0)) for _ in range(3))


class ErrorEvents:
    """What went wrong with a word, as the fields of ERRORS, and ``clear``, for one cycle each."""

    def __init__(self):
        self.partial_word, self.out_of_stream, self.read_in_run = (
            Signal(bool(0)) for _ in range(3)
        )
        self.bad_address, self.run_in_run, self.clear = (Signal(bool(0)) for _ in range(3))


@block
def error_flags(clk, rst, link_errors, events, errors):
    """errors: the word ERRORS. An event of the cycle of ``clear`` is not lost.

    link_errors: a ``LinkErrors``. events: an ``ErrorEvents``.
    """
    most = ERRORS["damaged"].largest
    partial, order = ERRORS["partial_word"].lsb, ERRORS["out_of_stream"].lsb
    in_run, address = ERRORS["read_in_run"].lsb, ERRORS["bad_address"].lsb
    run, unsupported = ERRORS["run_in_run"].lsb, ERRORS["unsupported"].lsb

    @always(clk.posedge)
    def keep_flags():
        state = intbv(0)[WORD_BITS:]
        count = intbv(0, min=0, max=most + 2)
        state[:] = errors
        count[:] = errors[COUNT_BITS:]
        if events.clear:
            state[:] = 0
            count[:] = 0
        if link_errors.dropped or link_errors.poisoned:
            if count != most:
                count[:] = count + 1
        state[COUNT_BITS:] = count[COUNT_BITS:]
        if events.partial_word:
            state[partial] = 1
        if events.out_of_stream:
            state[order] = 1
        if events.read_in_run:
            state[in_run] = 1
        if events.bad_address:
            state[address] = 1
        if events.run_in_run:
            state[run] = 1
        if link_errors.unsupported:
            state[unsupported] = 1
        errors.next = state
        if rst:
            errors.next = 0

    return instances()
