"""The core as a netlist of gates runs a small network: scores, spike counts and maps are golden's."""

import numpy as np
import pytest

from bench.power import flow, levers, netlist, stimulus
from bench.power.energy import KINDS, Energies
from bench.power.liberty import read
from tests.support.random_models import network
from tests.support.tiny_liberty import GATED, LATCHED, TEXT, with_buffer
from volley.firmware import modelfile

PICTURES, EVERY = 5, 2


def job(folder, text=TEXT, count=0):
    """A job of a network of three layers on the smallest array, with ``count`` levers."""
    (folder / "tiny.lib").write_text(with_buffer(text))
    network("6C3-P2-10", (1, 6, 6)).save(folder / "small.safetensors")
    model = modelfile.load(folder / "small.safetensors")
    pictures = np.random.default_rng(1).integers(0, 256, (PICTURES, 1, 6, 6), np.uint8)
    library = read(folder / "tiny.lib")
    return flow.Job(
        model, pictures, library, folder / "tiny.lib", 4, 1, EVERY, folder / "build", count
    )


def simulated(small, said):
    """The netlist's run and its energies."""
    made = flow.synthesise(small, said.append)
    net = flow.netlist_of(small, made)
    run = flow.simulate(small, made, net, said.append)
    return run, Energies(small.library, net, run, 5e-15, 1e8)


@pytest.mark.slow
@pytest.mark.yosys
def test_the_netlist_computes_what_golden_does(tmp_path):
    """``simulate`` compares; a second call reads what the first has kept, and other pictures run anew."""
    small, said = job(tmp_path), []
    made = flow.synthesise(small, said.append)
    assert flow.synthesise(small, said.append) == made
    run, energies = simulated(small, said)
    layers = len(small.model.layers)
    assert run.cycles.shape == (layers,) and (run.cycles > 0).all()
    assert (
        run.sampled < run.cycles
    ).all() and run.sampled.sum() * EVERY >= run.cycles.sum() - EVERY
    again, _ = simulated(small, said)
    np.testing.assert_array_equal(again.toggles, run.toggles)
    assert said[-1].startswith("simulation: read from")
    assert (energies.table >= 0).all() and (energies.table.sum((1, 2)) > 0).all()


@pytest.mark.slow
@pytest.mark.yosys
@pytest.mark.parametrize("text", [GATED, LATCHED])
def test_all_levers_take_less_at_the_same_cycles(tmp_path, text):
    """``simulate`` compares spikes, maps and scores with golden's for each; reads and clocks get fewer."""
    runs = [simulated(job(tmp_path, text, count), []) for count in (0, levers.SAME)]
    (run, before), (rare, after) = runs
    np.testing.assert_array_equal(run.cycles, rare.cycles)
    for kind in ("clock", "memory"):
        at = KINDS.index(kind)
        assert after.table[..., at].sum() < 0.7 * before.table[..., at].sum()


@pytest.mark.slow
@pytest.mark.yosys
def test_a_netlist_with_a_fault_is_not_measured(tmp_path):
    """A gate of the psums that is another gives other scores, and an error instead of a figure."""
    small = job(tmp_path)
    made = flow.synthesise(small, lambda text: None)
    net = flow.netlist_of(small, made)
    blocks = netlist.blocks(net)
    index = next(
        k for k, g in enumerate(net.gates) if g.cell == "XOR2" and blocks[g.output] == "psum"
    )
    net.gates[index] = netlist.Gate("AND2", net.gates[index].inputs, net.gates[index].output)
    net.changed()
    with pytest.raises((flow.FlowError, stimulus.RunError), match="golden|bus|program"):
        flow.simulate(small, made, net, lambda text: None)
