"""3x3 convolution of channel-last maps for training on a CPU, with the kernels of kernels.cpp.

Winograd's F(4x4, 3x3) (Lavin and Gray 2015, arXiv 1509.09308) needs a quarter of the multiplications
of a plain convolution, forward and backward. Its sums are float32 sums in another order: exact for no
one, as close as any convolution's to 1e-5 of the largest.

With U = G w G' for weights and V = B' d B for map tiles, a forward pass is y = A' (V U) A. Backward:
dM = A dy A', dU = V' dM, dV = dM U', dw = G' dU G, and dx adds up B dV B'.
"""

import torch
import torch.nn.functional as F

from volley.model.nets import native

TILE = 4  # rows and columns of a tile's result; maps are filled up with zeros to whole tiles
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
GG = torch.kron(G, G)  # G w G' of a kernel as a vector of 9


def suits(x, weight):
    """Whether `conv3x3` takes maps x [n,h,w,c] and weights [out,c,k,k]."""
    outputs, c, kernel = weight.shape[:3]
    h, w = x.shape[1:3]
    tiled = (h + -h % TILE) * (w + -w % TILE) < 2 * h * w  # else most of the work is on zeros
    on = native.active() and x.device.type == "cpu"
    return on and kernel == 3 and tiled and c % native.LANES == outputs % native.LANES == 0


def whole_tiles(x):
    """Maps [n,h,w,c] with rows and columns of zeros below and right, to multiples of TILE."""
    h, w = x.shape[1:3]
    return F.pad(x, (0, 0, 0, -w % TILE, 0, -h % TILE)) if h % TILE or w % TILE else x


def _cut(x, like):
    """Maps x without what `whole_tiles` adds to maps of the size of `like`."""
    h, w = like.shape[1:3]
    return x if x.shape[1:3] == (h, w) else x[:, :h, :w].contiguous()


def suits_encoder(x, weight):
    """Whether `encode3x3` takes pictures x [n,h,w,c] and weights [out,c,k,k]."""
    on = native.active() and x.device.type == "cpu"
    return on and weight.shape[-1] == 3 and not x.requires_grad


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
        u = transformed(weight)
        ctx.save_for_backward(x, u)
        given, x = x, whole_tiles(x)
        y = torch.empty(*x.shape[:3], outputs)
        for part in _chunks(x, outputs):
            shape = x[part].shape[:3]
            v, m = _tiles(x[part], c), _tiles(x[part], outputs)
            native.tiles("tiles_in", x[part], v, c, shape)
            torch.bmm(v.transpose(0, 1), u, out=m.transpose(0, 1))
            native.tiles("tiles_out", m, y[part], outputs, shape)
        return _cut(y, given)

    @staticmethod
    def backward(ctx, dy):
        return gradients(*ctx.saved_tensors, dy.contiguous())


def transformed(weight):
    """U of weights [out,c,3,3], float32 [36, c, out]."""
    outputs, c = weight.shape[:2]
    return (GG @ weight.permute(2, 3, 1, 0).reshape(9, -1)).view(36, c, outputs)


def gradients(x, u, dy):
    """(dx, dw) of a convolution of x [n,h,w,c] with the transformed weights u, from dy [n,h,w,out].

    With native.half the products are of bfloat16: about 3 % off in the root mean square.
    """
    c, outputs = u.shape[1:]
    given, x, dy = x, whole_tiles(x), whole_tiles(dy)
    du = torch.zeros_like(u)
    dx = torch.empty_like(x)
    half = native.half() and c % native.HALF_LANES == 0 and outputs % native.HALF_LANES == 0
    back = _half_back if half else _back
    for part in _chunks(x, outputs):
        back(x[part], u, dy[part], du, dx[part])
    return _cut(dx, given), (GG.T @ du.view(36, -1)).view(3, 3, c, outputs).permute(3, 2, 0, 1)


def _back(x, u, dy, du, dx):
    """Adds to du and writes dx for some pictures."""
    c, outputs = u.shape[1:]
    shape = x.shape[:3]
    v, m = _tiles(x, c), _tiles(x, outputs)
    native.tiles("tiles_in", x, v, c, shape)
    native.tiles("tiles_out_back", dy, m, outputs, shape)
    du.baddbmm_(v.permute(1, 2, 0), m.transpose(0, 1))
    torch.bmm(m.transpose(0, 1), u.transpose(1, 2), out=v.transpose(0, 1))
    native.tiles("tiles_in_back", v, dx, c, shape)


def _half_back(x, u, dy, du, dx):
    """As _back, in bfloat16."""
    c, outputs = u.shape[1:]
    shape = x.shape[:3]
    tiles = x.shape[0] * x.shape[1] * x.shape[2] // 16
    v, m = (torch.empty(36, tiles, k, dtype=torch.bfloat16) for k in (c, outputs))
    native.tiles("half_tiles_in", x, v, c, shape)
    native.tiles("half_tiles_out_back", dy, m, outputs, shape)
    du += torch.bmm(v.transpose(1, 2), m)
    torch.bmm(m, u.transpose(1, 2).bfloat16(), out=v)
    native.tiles("half_tiles_in_back", v, dx, c, shape)


def conv3x3(x, weight):
    """Maps [n,h,w,out] of x [n,h,w,c] float32, contiguous, and weight [out,c,3,3]; padding 1.

    c and out are multiples of 8: see `suits`.
    """
    return _Conv3x3.apply(x, weight)


def encode3x3(x, weight):
    """As conv3x3, for a picture x [n,h,w,c] of few channels, of any number; no gradient of x."""
    columns = native.patches(x.detach())
    y = columns @ weight.permute(2, 3, 1, 0).reshape(-1, len(weight))
    return y.view(*x.shape[:3], len(weight))
