"""Delay lines."""

from myhdl import Signal, always, block, concat, instances, intbv


@block
def delay(clk, cycles, source, target):
    """target = source, ``cycles`` >= 1 cycles later."""
    width = len(source)
    if cycles == 1:

        @always(clk.posedge)
        def pass_on():
            target.next = source

    elif cycles == 2:
        between = Signal(intbv(0)[width:])

        @always(clk.posedge)
        def pass_on():
            between.next = source
            target.next = between

    else:
        line = Signal(intbv(0)[width * (cycles - 1) :])
        top, low = width * (cycles - 1), width * (cycles - 2)

        if width == 1:  # MyHDL's VHDL would index the slice, out of its bounds

            @always(clk.posedge)
            def pass_on():
                line.next = concat(line[low:], source)
                target.next = line[low]

        else:

            @always(clk.posedge)
            def pass_on():
                line.next = concat(line[low:], source)
                target.next = line[top:low]

    return instances()


@block
def valid_line(clk, source, valids):
    """valids[k] = source, k + 1 cycles later."""
    before = [source, *valids[:-1]]
    return [delay(clk, 1, before[k], valids[k]) for k in range(len(valids))]
