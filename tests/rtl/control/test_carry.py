"""Each channel gets the layer's constants some cycles later, in order, and within the time."""

from types import SimpleNamespace

import pytest
from myhdl import instance

from tests.support.bench import clock, flag, run_bench
from volley.rtl.control.active import Active
from volley.rtl.control.carry import carried, carry


@pytest.mark.parametrize("co, latest", [(1, 9), (4, 9), (8, 3), (5, 2)])
def test_carry(co, latest):
    clk, done, active = clock(), flag(), Active()
    design = SimpleNamespace(neurons=co, leak=1, pack=1, pair=1)
    channels, pairs = carried(active, latest, design)
    carry_insts = [carry(clk, source, moved) for source, moved in pairs]
    assert len(channels) == co and len(pairs) == min(co, latest)
    values = {"encode": 1, "scale": -77, "soft": 1, "leak": 3, "leak_first": 1, "restart": 0x54}
    values.update(pair=1, second=0x0C)
    arrived = {}

    @instance
    def stimulus():
        yield clk.negedge
        for name, value in values.items():
            getattr(active, name).next = value
        for cycle in range(1, latest + 2):
            yield clk.posedge
            yield clk.negedge
            for k, channel in enumerate(channels):
                found = {name: int(getattr(channel, name)) for name in values}
                assert found == values or not any(found.values())
                if found == values:
                    arrived.setdefault(k, cycle)
        done.next = True
        yield clk.posedge

    run_bench([*carry_insts, stimulus], clk, done, cycles=100)
    assert sorted(arrived) == list(range(co))
    times = [arrived[k] for k in range(co)]
    assert times == sorted(times) and times[0] == 1 and times[-1] <= latest
