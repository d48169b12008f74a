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


def flip(x, generator):
    """Mirror half of the pictures left to right."""
    mirrored = torch.rand(len(x), generator=generator) < 0.5
    return torch.where(mirrored.view(-1, 1, 1, 1), x.flip(-1), x)


def crop(x, generator, margin):
    """Shift each picture by up to `margin` pixels either way; its own mirror image comes in."""
    b, c, h, w = x.shape
    padded = F.pad(x, [margin] * 4, mode="reflect")
    at = torch.randint(0, 2 * margin + 1, (2, b, 1), generator=generator)
    rows, columns = at[0] + torch.arange(h), at[1] + torch.arange(w)
    picture = torch.arange(b).view(b, 1, 1)
    moved = padded.permute(0, 2, 3, 1)[picture, rows.unsqueeze(2), columns.unsqueeze(1)]
    return moved.permute(0, 3, 1, 2).contiguous()


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
    "flip": flip,
    "crop2": lambda x, g: flip(crop(x, g, 2), g),
    "crop4": lambda x, g: flip(crop(x, g, 4), g),
    "crop4-cutout": lambda x, g: cutout(flip(crop(x, g, 4), g), g),
}
