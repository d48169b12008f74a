"""Random variations of training pictures, a batch at a time."""

import math

import torch
import torch.nn.functional as F


def affine(x, generator, degrees=10.0, shift=1.5, zoom=0.1, shear=0.1):
    """Rotate, shift (pixels), zoom and shear each picture of x [B,C,H,W] float 0..255 at random.

    What comes in from outside is 0; the result is rounded to the integers a camera would give.
    """
    b, _, h, w = x.shape
    r = torch.rand(b, 6, generator=generator, device=x.device) * 2 - 1
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
    mirrored = torch.rand(len(x), generator=generator, device=x.device) < 0.5
    return torch.where(mirrored.view(-1, 1, 1, 1), x.flip(-1), x)


def crop(x, generator, margin):
    """Shift each picture by up to `margin` pixels either way; its own mirror image comes in."""
    b, c, h, w = x.shape
    padded = F.pad(x, [margin] * 4, mode="reflect")
    at = torch.randint(0, 2 * margin + 1, (2, b, 1), generator=generator, device=x.device)
    rows = at[0] + torch.arange(h, device=x.device)
    columns = at[1] + torch.arange(w, device=x.device)
    picture = torch.arange(b, device=x.device).view(b, 1, 1)
    moved = padded.permute(0, 2, 3, 1)[picture, rows.unsqueeze(2), columns.unsqueeze(1)]
    return moved.permute(0, 3, 1, 2).contiguous()


def cutout(x, generator, size=8):
    """Blank one square of size x size pixels, anywhere, in each picture."""
    b, _, h, w = x.shape
    cy = torch.randint(0, h, (b, 1, 1, 1), generator=generator, device=x.device)
    cx = torch.randint(0, w, (b, 1, 1, 1), generator=generator, device=x.device)
    rows = torch.arange(h, device=x.device).view(1, 1, h, 1)
    cols = torch.arange(w, device=x.device).view(1, 1, 1, w)
    hole = ((rows - cy).abs() * 2 <= size) & ((cols - cx).abs() * 2 <= size)
    return x.masked_fill(hole, 0)


def _blend(x, other, share):
    """Each picture of x moved away from `other` (share > 0) or towards it, whole numbers 0..255."""
    return (x + share.view(-1, 1, 1, 1) * (x - other)).round_().clamp_(0, 255)


def _solarise(x, share):
    """Pixels above a level inverted; the level of share 1 is 128, of 0 none."""
    level = 256 - 128 * share.abs().view(-1, 1, 1, 1)
    return torch.where(x >= level, 255 - x, x)


def _posterise(x, share):
    """Pixels with fewer levels: 2^(8 - 4 share) of them."""
    step = 2 ** (4 * share.abs()).round().view(-1, 1, 1, 1)
    return torch.div(x, step, rounding_mode="floor") * step


def randomised(x, generator, count=2, strength=0.5):
    """RandAugment: `count` of seven changes, drawn for each picture, of random strength.

    Source: Cubuk et al. 2019, arXiv 1909.13719. Changes: none, brightness, contrast, colour,
    solarise, posterise, and a turn, shift and shear.
    """
    for _ in range(count):
        choice = torch.randint(0, 7, (len(x), 1, 1, 1), generator=generator, device=x.device)
        share = strength * (torch.rand(len(x), generator=generator, device=x.device) * 2 - 1)
        grey = x.mean((1, 2, 3), keepdim=True)
        changed = (
            _blend(x, torch.zeros_like(x), share),
            _blend(x, grey, share),
            _blend(x, x.mean(1, keepdim=True), share),
            _solarise(x, share),
            _posterise(x, share),
            affine(x, generator, 15 * strength * 2, 3.0, 0.1, 0.2),
        )
        for number, other in enumerate(changed, 1):
            x = torch.where(choice == number, other, x)
    return x


CHOICES = {
    "none": lambda x, g: x,
    "affine": affine,
    "flip": flip,
    "crop2": lambda x, g: flip(crop(x, g, 2), g),
    "crop4": lambda x, g: flip(crop(x, g, 4), g),
    "crop4-rand": lambda x, g: randomised(flip(crop(x, g, 4), g), g),
    "crop4-cutout": lambda x, g: cutout(flip(crop(x, g, 4), g), g),
}
MARGINS = {name: int(name[4]) for name in CHOICES if name.startswith("crop")}
"""Pixels that a choice shifts by, which a picture's sides have to be above."""
