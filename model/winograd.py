"""3x3 convolution of channel-last maps for training on a CPU, with the kernels of kernels.cpp.

Winograd's F(4x4, 3x3) (Lavin and Gray 2015, arXiv 1509.09308) needs a quarter of the multiplications
of a plain convolution, forward and backward. Its sums are float32 sums in another order: exact for no
one, as close as any convolution's to 1e-5 of the largest.

With U = G w G' for weights and V = B' d B for map tiles, a forward pass is y = A' (V U) A. Backward:
dM = A dy A', dU = V' dM, dV = dM U', dw = G' dU G, and dx adds up B dV B'.
"""

import torch

from model import native

CHUNK = 2**21  # floats of transformed tiles at a time: they stay in the cache
G = torch.tensor(
    [
        [1 / 4, 0, 0],
        [-1 / 6, -1 / 6, -1 / 6],
        [-1 / 6, 1 / 6, -1 / 6],
        [1 / 24, 1 / 12, 1 / 6],
        [1 / 24, -1 / 12, 1 / 6],
        [0, 0, 1],
    ]
)


def suits(x, weight):
    """Whether `conv3x3` takes maps x [n,h,w,c] and weights [out,c,k,k]."""
    outputs, c, kernel = weight.shape[:3]
    tiled = x.shape[1] % 4 == 0 and x.shape[2] % 4 == 0 and c % native.LANES == 0
    return native.active() and kernel == 3 and tiled and outputs % native.LANES == 0


def suits_encoder(x, weight):
    """Whether `encode3x3` takes pictures x [n,h,w,c] and weights [out,c,k,k]."""
    return native.active() and weight.shape[-1] == 3 and not x.requires_grad


def _chunks(x, outputs):
    """Slices of pictures whose transformed tiles are about CHUNK floats."""
    n, h, w, c = x.shape
    step = max(1, CHUNK // (h * w // 16 * 36 * (c + outputs)))
    return [slice(at, min(n, at + step)) for at in range(0, n, step)]


def _tiles(x, channels):
    """Room [tiles, 36, channels] for the transformed tiles of x [n,h,w,...]."""
    return torch.empty(x.shape[0] * x.shape[1] * x.shape[2] // 16, 36, channels)


class _Conv3x3(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight):
        outputs, c = weight.shape[:2]
        u = torch.einsum("ia,ocab,jb->ijco", G, weight, G).reshape(36, c, outputs)
        y = torch.empty(*x.shape[:3], outputs)
        for part in _chunks(x, outputs):
            shape = x[part].shape[:3]
            v, m = _tiles(x[part], c), _tiles(x[part], outputs)
            native.tiles("tiles_in", x[part], v, c, shape)
            torch.bmm(v.transpose(0, 1), u, out=m.transpose(0, 1))
            native.tiles("tiles_out", m, y[part], outputs, shape)
        ctx.save_for_backward(x, u)
        return y

    @staticmethod
    def backward(ctx, dy):
        x, u = ctx.saved_tensors
        dy = dy.contiguous()
        c, outputs = u.shape[1:]
        du = torch.zeros_like(u)
        dx = torch.empty_like(x)
        for part in _chunks(x, outputs):
            shape = x[part].shape[:3]
            v, m = _tiles(x[part], c), _tiles(x[part], outputs)
            native.tiles("tiles_in", x[part], v, c, shape)
            native.tiles("tiles_out_back", dy[part], m, outputs, shape)
            du.baddbmm_(v.permute(1, 2, 0), m.transpose(0, 1))
            torch.bmm(m.transpose(0, 1), u.transpose(1, 2), out=v.transpose(0, 1))
            native.tiles("tiles_in_back", v, dx[part], c, shape)
        dw = torch.einsum("ia,ijco,jb->ocab", G, du.view(6, 6, c, outputs), G)
        return dx, dw


def conv3x3(x, weight):
    """Maps [n,h,w,out] of x [n,h,w,c] float32, contiguous, and weight [out,c,3,3]; padding 1.

    h and w are multiples of 4, c and out of 8: see `suits`.
    """
    return _Conv3x3.apply(x, weight)


def encode3x3(x, weight):
    """As conv3x3, for a picture x [n,h,w,c] of few channels, of any number; no gradient of x."""
    columns = native.patches(x.detach())
    y = columns @ weight.permute(2, 3, 1, 0).reshape(-1, len(weight))
    return y.view(*x.shape[:3], len(weight))
