"""Chooses one of many words, a register a word, for what the host reads."""

from myhdl import Signal, always, block, instances, intbv

from volley.rtl.delay import delay


@block
def choose_step(clk, enable, select, this, part, before, after):
    """after = part where ``select`` is this, else before. Latency 1, while ``enable``."""

    @always(clk.posedge)
    def step():
        if enable:
            if select == this:
                after.next = part
            else:
                after.next = before

    return instances()


@block
def choose_first(clk, enable, part, after):
    """after = part. Latency 1, while ``enable``."""

    @always(clk.posedge)
    def step():
        if enable:
            after.next = part

    return instances()


@block
def choose(clk, enable, select, parts, chosen, reach=0):
    """chosen = parts[select], as many cycles later as there are parts, while ``enable``.

    parts: 32-bit Signals (or shadows). reach: 1: ``enable`` and ``select`` go from part to part, a register each.
    """
    steps = []
    before = None
    for this, part in enumerate(parts):
        if reach and len(parts) == 1:  # nothing to select
            given, enable = enable, Signal(bool(0))
            steps.append(delay(clk, 1, given, enable))
        elif reach:
            given, enable, select = (enable, select), Signal(bool(0)), Signal(select.val)
            steps += [delay(clk, 1, *pair) for pair in zip(given, (enable, select))]
        after = chosen if this == len(parts) - 1 else Signal(intbv(0)[len(chosen) :])
        if before is None:
            steps.append(choose_first(clk, enable, part, after))
        else:
            steps.append(choose_step(clk, enable, select, this, part, before, after))
        before = after
    return steps
