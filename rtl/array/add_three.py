"""The first level of a popcount tree: the products of three taps, added bit by bit."""

from myhdl import Signal, always, block, instances, intbv

from volley.rtl.module_use import ModuleUse, Operands, numbered

ADD_THREE = "add_three"
"""Name of the Verilog module, before its bits; ``fpga.flows.synth`` has a form of it for ECP5."""


@block
def add_three(clk, spikes, weights, ones, twos):
    """Bit by bit: ones + 2 * twos = how many of three spikes meet a set weight. Latency 1.

    spikes, weights: three Signals each, as wide as ones and twos.
    """
    s0, s1, s2 = spikes
    w0, w1, w2 = weights
    width = len(ones)

    @always(clk.posedge)
    def add_products():
        p0 = intbv(0)[width:]
        p1 = intbv(0)[width:]
        p2 = intbv(0)[width:]
        p0[:] = s0 & w0
        p1[:] = s1 & w1
        p2[:] = s2 & w2
        ones.next = p0 ^ p1 ^ p2
        twos.next = (p0 & p1) | ((p0 | p1) & p2)

    return instances()


@block
def add_three_apart(clk, spikes, weights, ones, twos):
    """``add_three``; under ``volley.rtl.convert.shared_modules.modules_apart`` an instance of a module.

    A device's flow can put carry chains in place of the module.
    """
    if not hasattr(add_three_apart, "verilog_code"):
        return add_three(clk, spikes, weights, ones, twos)
    module_use = ModuleUse(  # noqa: F841
        f"{ADD_THREE}_{len(ones)}",
        {"clk": clk, **Operands(spikes, weights).ports()},
        {"ones": ones, "twos": twos},
    )

    @always(clk.posedge)
    def stand_in():  # MyHDL reads the text's names beside it
        pass

    return stand_in


def first_level(lut):
    """The block for the first level of a tree of LUTs of so many inputs: where they have four, each is one position of a
    carry chain, which adds three products."""
    return add_three_apart if lut == 4 else add_three


@block
def add_three_module(clk, operands, ones, twos):
    """``add_three`` with a port for each tap."""
    return add_three(clk, numbered(operands, "s", 3), numbered(operands, "w", 3), ones, twos)


def add_three_instance(width):
    """An ``add_three_module`` of so many bits."""
    taps = [Signal(intbv(0)[width:]) for _ in range(6)]
    ones, twos = (Signal(intbv(0)[width:]) for _ in range(2))
    return add_three_module(Signal(bool(0)), Operands(taps[:3], taps[3:]), ones, twos)
