"""A run that begins with a narrower network: --init with --widen."""

import pytest
import torch

from tests.support.striped import command, data  # noqa: F401
from volley.model import train
from volley.model.nets import net as networks
from volley.model.training import widen


def made(text, ticks=4):
    torch.manual_seed(1)
    net = networks.Net(networks.parse(text, (3, 16, 16), 10), ticks).eval()
    with torch.no_grad():
        for layer in net.layers[:-1]:
            layer.var.fill_(30.0**2)
        net.layers[0].var.fill_(2000.0**2)
    return net


def test_what_is_there_stays():
    """Outputs that were there fire as before in the first wider layer; inputs are read in order."""
    old, new = made("8C3-P2-8C3-P2-12-10"), made("8C3-P2-12C3-P2-20-10")
    new.load_state_dict(widen.widened(old, new, seed=3))
    x = torch.randint(0, 256, (20, 3, 16, 16)).float()
    maps = [x.permute(0, 2, 3, 1).unsqueeze(0)] * 2
    psums = [net.layers[0].psum(maps[0]) for net in (old, new)]
    assert torch.equal(*psums)
    spikes = (torch.rand(4, 5, 8, 8, 8) < 0.3).float()
    old_psums, new_psums = (net.layers[1].psum(spikes) for net in (old, new))
    assert torch.equal(old_psums, new_psums[..., :8]) and new_psums.shape[-1] == 12
    for layer in new.layers[1:-1]:
        assert (layer.var == 30.0**2).all()


def test_new_outputs_are_crossed():
    """Every plane of a new kernel is one of two outputs' at that input, and both give some."""
    old, new = made("16C3-P2-16C3-P2-10"), made("16C3-P2-20C3-P2-10")
    state = widen.widened(old, new, seed=3)
    kernels = state["layers.1.weight"]
    before = old.layers[1].weight
    for kernel in kernels[16:]:
        found = [
            [bool(torch.equal(kernel[c], other[c])) for other in before].index(True)
            for c in range(16)
        ]
        assert len(set(found)) == 2
    # the readout reads a new output as it reads the first of the two
    planes = state["layers.2.weight"].view(10, 20, -1)
    for k in range(16, 20):
        assert any(torch.equal(planes[:, k], planes[:, j]) for j in range(16))
    again = widen.widened(old, new, seed=3)
    assert all(torch.equal(value, again[key]) for key, value in state.items())
    other = widen.widened(old, new, seed=4)
    assert not torch.equal(other["layers.1.weight"], kernels)


def test_several_times_as_wide():
    old, new = made("8C3-P2-8-10"), made("24C3-P2-30-10")
    new.load_state_dict(widen.widened(old, new, seed=1))


@pytest.mark.parametrize(
    "text", ["8C3-P2-8C3-P2-10", "8C3-P2-6C3-P2-10", "8C3-P2-12C1-P2-10", "8C3-P2-12C3-10"]
)
def test_no_wider_network(text):
    specs = networks.parse(text, (3, 16, 16), 10)
    with pytest.raises(networks.SpecError, match="--init has layers of .8, 8, 10. outputs"):
        widen.check(made("8C3-P2-8C3-P2-10"), specs)


def test_command(data, tmp_path, capsys):  # noqa: F811
    out = tmp_path / "m"
    assert train.main(command(data, out)) == 0
    narrow = ["--init", f"{out}.ckpt", "--net", "8C3-P2-8C1-12-10"]
    assert train.main(command(data, tmp_path / "n", *narrow)) == 2
    capsys.readouterr()
    assert train.main(command(data, tmp_path / "n", *narrow, "--widen")) == 0
    assert train.main(command(data, tmp_path / "o", "--widen")) == 2
    assert "--widen is for a run that begins with --init" in capsys.readouterr().err
