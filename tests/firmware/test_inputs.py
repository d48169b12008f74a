"""What the host uploads of spike trains and patches, bit by bit."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from volley.firmware.inputs import Input, cut_patches


@pytest.mark.parametrize("kernel, stride, padding", ((1, 1, 0), (5, 2, 1), (2, 3, 1), (3, 1, 2)))
def test_patches_are_what_a_convolution_sees(kernel, stride, padding):
    rng = np.random.default_rng(kernel)
    maps = rng.integers(0, 256, (2, 3, 7, 8), dtype=np.uint8)
    weight = rng.choice([-1.0, 1.0], (4, 3, kernel, kernel))
    wanted = F.conv2d(
        torch.from_numpy(maps).double(), torch.from_numpy(weight), stride=stride, padding=padding
    )
    found = np.einsum(
        "nchw,oc->nohw", cut_patches(maps, kernel, stride, padding), weight.reshape(4, -1)
    )
    np.testing.assert_array_equal(found, wanted.numpy())
    taken = Input("picture", 3, 7, 8, 4, 1, kernel, stride, padding)
    assert taken.pack(maps).shape == (2, 1, *taken.sent)


@pytest.mark.parametrize("ticks, pixels", ((1, 1), (1, 8), (2, 4), (4, 2), (5, 1), (8, 1), (20, 1)))
def test_the_bits_of_trains(ticks, pixels):
    """Bit t of byte t / 8 is tick t; of packed pixels the one from x % P * T on."""
    taken = Input("spikes", 2, 3, 5, ticks, most=3, pixels=pixels)
    counts = np.random.default_rng(ticks).integers(0, 4, (2, *taken.shape), dtype=np.uint8)
    sent = taken.pack(counts)
    assert (
        sent.shape == (2, -(-ticks // 8), 6, 3, -(-5 // pixels)) == (2, taken.passes, *taken.sent)
    )
    for n, t, c, y, x in np.ndindex(counts.shape):
        lane = x % pixels * ticks + t if pixels > 1 else t % 8
        bits = sent[n, t // 8, 3 * c : 3 * c + 3, y, x // pixels] >> lane & 1
        assert bits.tolist() == [int(counts[n, t, c, y, x] > k) for k in range(3)]
    assert np.bitwise_count(sent).sum() == counts.sum()
    if counts.max() > 1:
        np.testing.assert_array_equal(
            Input("spikes", 2, 3, 5, ticks, pixels=pixels).pack(counts > 1),
            sent[:, :, 1::3],
        )
