"""Random variations of training pictures, a batch at a time."""

import math

import torch
import torch.nn.functional as F


def affine(x, generator, degrees=10.0, shift=1.5, zoom=0.1, shear=0.1):
    """Rotate, shift (pixels), zoom and shear each picture of x [B,C,H,W] float 0..255 at random.

    What comes in from outside is 0; the result is rounded to the integers a camera would give.
    """
    b, _, h, w = x.shape
    r = torch.rand(b, 6, generator=generator) * 2 - 1
    angle = r[:, 0] * math.radians(degrees)
    cos, sin = torch.cos(angle), torch.sin(angle)
    zx, zy = 1 + zoom * r[:, 1], 1 + zoom * r[:, 2]
    slant = shear * r[:, 3]
    theta = torch.stack(
        [
            torch.stack([cos * zx, (-sin + slant) * zx, r[:, 4] * 2 * shift / w], 1),
            torch.stack([sin * zy, cos * zy, r[:, 5] * 2 * shift / h], 1),
        ],
        1,
    )
    grid = F.affine_grid(theta, x.shape, align_corners=False)
    return F.grid_sample(x, grid, align_corners=False).round_()


def crop_flip(x, generator, margin=4):
    """Shift each picture by up to `margin` pixels (zeros come in) and mirror half of them."""
    b, _, h, w = x.shape
    padded = F.pad(x, [margin] * 4)
    at = torch.randint(0, 2 * margin + 1, (b, 2), generator=generator)
    mirrored = torch.rand(b, generator=generator) < 0.5
    out = torch.empty_like(x)
    for i in range(b):
        top, left = at[i].tolist()
        piece = padded[i, :, top : top + h, left : left + w]
        out[i] = piece.flip(-1) if mirrored[i] else piece
    return out


def cutout(x, generator, size=8):
    """Blank one square of size x size pixels, anywhere, in each picture."""
    b, _, h, w = x.shape
    cy = torch.randint(0, h, (b, 1, 1, 1), generator=generator)
    cx = torch.randint(0, w, (b, 1, 1, 1), generator=generator)
    rows = torch.arange(h).view(1, 1, h, 1)
    cols = torch.arange(w).view(1, 1, 1, w)
    hole = ((rows - cy).abs() * 2 <= size) & ((cols - cx).abs() * 2 <= size)
    return x.masked_fill(hole, 0)


CHOICES = {
    "none": lambda x, g: x,
    "affine": affine,
    "crop": crop_flip,
    "crop-cutout": lambda x, g: cutout(crop_flip(x, g), g),
}
