"""The core as a netlist of gates runs a small network: scores, spike counts and maps are golden's."""

import numpy as np
import pytest

from bench.power import flow, netlist, stimulus
from bench.power.energy import Energies
from bench.power.liberty import read
from tests.support.random_models import network
from tests.support.tiny_liberty import TEXT
from volley.firmware import modelfile

PICTURES, EVERY = 5, 2


def job(folder):
    """A job of a network of three layers on the smallest array."""
    (folder / "tiny.lib").write_text(TEXT)
    network("6C3-P2-10", (1, 6, 6)).save(folder / "small.safetensors")
    model = modelfile.load(folder / "small.safetensors")
    pictures = np.random.default_rng(1).integers(0, 256, (PICTURES, 1, 6, 6), np.uint8)
    library = read(folder / "tiny.lib")
    return flow.Job(model, pictures, library, folder / "tiny.lib", 4, 1, EVERY, folder / "build")


@pytest.mark.slow
@pytest.mark.yosys
def test_the_netlist_computes_what_golden_does(tmp_path):
    """``simulate`` compares; a second call reads what the first has kept, and other pictures run anew."""
    small, said = job(tmp_path), []
    made = flow.synthesise(small, said.append)
    assert flow.synthesise(small, said.append) == made
    run = flow.simulate(small, made, said.append)
    layers = len(small.model.layers)
    assert run.cycles.shape == (layers,) and (run.cycles > 0).all()
    assert (
        run.sampled < run.cycles
    ).all() and run.sampled.sum() * EVERY >= run.cycles.sum() - EVERY
    again = flow.simulate(small, made, said.append)
    np.testing.assert_array_equal(again.toggles, run.toggles)
    assert said[-1].startswith("simulation: read from")
    table = Energies(small.library, netlist.read(made, small.library), run, 5e-15, 1e8).table
    assert (table >= 0).all() and (table.sum((1, 2)) > 0).all()


@pytest.mark.slow
@pytest.mark.yosys
def test_a_netlist_with_a_fault_is_not_measured(tmp_path, monkeypatch):
    """A gate of the currents that is turned over gives other scores, and an error instead of a figure."""
    small = job(tmp_path)
    made = flow.synthesise(small, lambda text: None)

    def spoilt(path, library):
        net = original(path, library)
        blocks = netlist.blocks(net)
        index = next(
            k
            for k, g in enumerate(net.gates)
            if g.cell == "XOR2" and blocks[g.output] == "currents"
        )
        gate = net.gates[index]
        net.gates[index] = netlist.Gate("AND2", gate.inputs, gate.output)
        return net

    original = netlist.read
    monkeypatch.setattr(netlist, "read", spoilt)
    with pytest.raises((flow.FlowError, stimulus.RunError), match="golden|bus|program"):
        flow.simulate(small, made, lambda text: None)
