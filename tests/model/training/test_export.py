"""Export to integers: channels beyond 24 bits are scaled, NaN and infinity are refused."""

import numpy as np
import pytest
import torch

from tests.support.striped import striped
from volley.firmware import modelfile
from volley.model import golden
from volley.model.data import datasets
from volley.model.nets import finite, neuron, quantise
from volley.model.nets import net as networks
from volley.model.training import export

BETAS = [-3.0, -0.25, 0.0, 0.13, 0.27, 0.55, 1.03, 40.0]  # no membrane comes near the threshold


def network(gain, var=1.0, mean=0.0):
    """A first dense layer of 8 channels with these parameters, and a readout."""
    torch.manual_seed(4)
    net = networks.Net(networks.parse("8-10", (1, 28, 28), 10), 8).eval()
    with torch.no_grad():
        net.layers[0].gain.fill_(gain)
        net.layers[0].beta.copy_(torch.tensor(BETAS))
        net.layers[0].mean.fill_(mean)
        net.layers[0].var.fill_(var)
    return net


def spikes(model, pictures):
    """Spikes of the first layer, uint8 [ticks, N, channels]."""
    found = golden.run(model, pictures).spikes[0]
    return np.unpackbits(found[..., None], -1, bitorder="little").transpose(4, 0, 2, 3, 1)[
        :, :, 0, 0
    ]


@pytest.mark.parametrize("gain", [0.0, 1e-30, 1e-9, -1e-9])
def test_constant_channels_fire_as_trained(gain):
    """With a gain of 0 or next to it a channel's drive is beta: its spikes are those of training."""
    net, said = network(gain), []
    model = export.to_model(net, "x", datasets.SETS["mnist"], 6, said.append)
    modelfile.validate(model)
    first = model.layers[0]
    # dark pictures: psums near the mean, 0, since their distance from it is what still counts
    pictures = (striped(20, 5)[0] // 16).astype(np.uint8)
    layer = net.layers[0]
    with torch.no_grad():
        x = torch.from_numpy(pictures).float().permute(0, 2, 3, 1)[None].contiguous()
        wanted = neuron.if_bn(layer.psum(x), layer.gain, layer.beta, layer.mean, layer.var, ticks=8)
    assert np.array_equal(spikes(model, pictures), wanted[:, :, 0, 0].numpy())
    for beta, bias, threshold in zip(BETAS, first.bias, first.threshold):
        assert -bias / threshold == pytest.approx(beta, abs=1e-4)
    assert np.abs(first.v_init / first.threshold - neuron.V_INIT).max() < 1e-4
    assert len(said) == 1 and "layer fc1, channels 0, 1" in said[0] and "24 bits" in said[0]


def test_only_channels_beyond_24_bits_are_scaled():
    """Channels that fit are folded as ever; the warning names the others alone."""
    net, said = network(1.0, var=2000.0**2, mean=300.0), []
    with torch.no_grad():
        net.layers[0].gain[3] = 1e-3
    model = export.to_model(net, "x", datasets.SETS["mnist"], 8, said.append)
    assert "layer fc1, channels 3, 7:" in said[0]  # 7: 40 thresholds are beyond 24 bits
    for k, beta in enumerate(BETAS):
        if k not in (3, 7):
            assert model.layers[0].threshold[k] == round(2000 * 256)
            assert model.layers[0].bias[k] == round((300 - beta * 2000) * 256)
    assert model.layers[0].threshold[3] == quantise.LIMIT


def test_bias_beyond_24_bits_scales_the_threshold():
    """beta * threshold too large: drive and start stay in proportion."""
    weight = np.ones((2, 4), np.int8)
    one = np.ones(2)
    _, bias, threshold, start, scaled = quantise.fold(
        weight, one, one * [40, -40], one * 1000, one * 1e8, 0.0, 0.5, 8
    )
    assert scaled.all() and (threshold < 1e4 * 256).all() and np.abs(bias).max() <= 2**23
    np.testing.assert_allclose((256_000 - bias) / threshold, [40, -40], rtol=1e-4)
    np.testing.assert_allclose(start / threshold, 0.5, rtol=1e-4)


def test_readout_bias_beyond_24_bits_is_said():
    net, said = network(1.0), []
    with torch.no_grad():
        net.layers[1].bias[7] = -1e6
    model = export.to_model(net, "x", datasets.SETS["mnist"], 6, said.append)
    assert model.layers[1].bias[7] == quantise.LIMIT
    assert "layer fc2, channel 7: bias" in said[-1]


@pytest.mark.parametrize("name", ["weight", "gain", "beta", "mean", "var"])
@pytest.mark.parametrize("value", [float("nan"), float("-inf")])
def test_not_finite_is_refused(name, value):
    net = network(1.0)
    with torch.no_grad():
        getattr(net.layers[0], name).view(-1)[3] = value
    with pytest.raises(finite.NotFiniteError, match=f"network x: layers.0.{name} holds {value}"):
        export.to_model(net, "x", datasets.SETS["mnist"], 6)


def test_negative_variance_is_refused():
    with pytest.raises(finite.NotFiniteError, match="layers.0.var holds -1; a variance"):
        export.to_model(network(1.0, var=-1.0), "x", datasets.SETS["mnist"], 6)
