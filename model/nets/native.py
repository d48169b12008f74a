"""The kernels of kernels.cpp, spikes.cpp and half.cpp: compiled once with the C++ compiler at hand, called on tensors.

Everything here has a counterpart in PyTorch that gives the same numbers (to rounding), which is
used where there is no compiler, or a tensor does not suit. `use` chooses; the default is PyTorch.
"""

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
from pathlib import Path

import torch

from volley.firmware.files import BUILD

SOURCES = [Path(__file__).with_name(name) for name in ("kernels.cpp", "spikes.cpp", "half.cpp")]
HEADERS = [Path(__file__).with_name("winograd.h")]
FOLDER = BUILD / "kernels"
FLAGS = "-O3 -march=native -ffp-contract=off -fopenmp -shared -fPIC -std=c++17".split()
LANES = 8  # channels come in multiples of this
HALF_LANES = 16  # and in half.cpp of this
MOST_TICKS = 32  # for which the backward pass has room

_library = None
_half = False


class CompileError(ValueError):
    """The kernels cannot be compiled here; says why."""


def compiler():
    """Path of the C++ compiler ($CXX, g++ or c++), or None."""
    names = (os.environ.get("CXX"), "g++", "c++")
    return next((path for path in map(shutil.which, filter(None, names)) if path), None)


def use(choice, half=False):
    """Choose 'native', 'torch', or 'auto': native if it compiles. CompileError says why not.

    half: gradients of 3x3 convolutions with products of bfloat16.
    """
    global _library, _half
    _library, _half = None, half
    if choice == "torch" or choice == "auto" and compiler() is None:
        return
    try:
        _library = ctypes.CDLL(str(_build()))
    except (CompileError, OSError) as error:
        if choice == "native":
            raise CompileError(f"kernels.cpp: {error}; --kernels torch does without") from None


def active():
    """Whether the native kernels are in use."""
    return _library is not None


def half():
    """Whether gradients of 3x3 convolutions are to be computed in bfloat16."""
    return _half and _library is not None


def half_pays():
    """Whether the processor multiplies bfloat16 itself: without, `half` takes longer than float32. For `half()` only."""
    return bool(_call("half_products"))


def keep_memory():
    """Has glibc keep freed memory for the next step: giving it back and forth costs a quarter of it."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return  # another C library
    for option, value in ((-8, 1), (-4, 0), (-1, 2**31 - 1), (-2, 2**28)):
        mallopt(option, value)  # M_ARENA_MAX, M_MMAP_MAX, M_TRIM_THRESHOLD, M_TOP_PAD: malloc.h


def suits(x):
    """Whether the native kernels are in use and take x: float32, channels in eights."""
    return (
        _library is not None
        and x.dtype == torch.float32
        and x.device.type == "cpu"
        and x.shape[-1] % LANES == 0
        and x.shape[0] <= MOST_TICKS
    )


def _build():
    """Compile kernels.cpp, unless that was done before on this machine; returns the library."""
    command = compiler()
    if command is None:
        raise CompileError("no C++ compiler found (g++ or c++; Debian's package is g++)")
    # -march=native: another machine's library may not run here
    seed = b"".join(path.read_bytes() for path in SOURCES + HEADERS)
    seed += repr((FLAGS, command, platform.uname())).encode()
    library = FOLDER / f"{hashlib.sha256(seed).hexdigest()[:16]}.so"
    if not library.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        part = library.with_suffix(f".{os.getpid()}.part")
        done = subprocess.run(
            [command, *FLAGS, *map(str, SOURCES), "-o", str(part)], capture_output=True, text=True
        )
        if done.returncode:
            raise CompileError(f"{command} failed: {(done.stderr.splitlines() or ['?'])[0]}")
        part.replace(library)
    return library


def _call(name, *arguments):
    """Call a kernel: tensors go as pointers, floats as float, the rest as long; what an int function returns."""
    passed = []
    for a in arguments:
        if a is None:
            passed.append(ctypes.c_void_p(None))
        elif isinstance(a, torch.Tensor):
            assert a.is_contiguous()
            passed.append(ctypes.c_void_p(a.data_ptr()))
        else:
            passed.append(ctypes.c_float(a) if isinstance(a, float) else ctypes.c_long(a))
    return getattr(_library, name)(*passed, ctypes.c_int(torch.get_num_threads()))


def tiles(name, source, target, channels, shape):
    """Run tiles_in, tiles_out or one of their _back on maps of `shape` (n, h, w)."""
    _call(name, source, target, *shape, channels)


def patches(x):
    """The 3x3 surroundings [n*h*w, 9*c] of the pixels of x [n,h,w,c], zero outside."""
    n, h, w, c = x.shape
    out = torch.empty(n * h * w, 9 * c)
    _call("patches", x, out, n, h, w, c)
    return out


def moments(x):
    """neuron._moments: mean and variance [C] of x [N,B,H,W,C]."""
    n, b, h, w, c = x.shape
    parts = torch.empty(n * b, 2, c)
    _call("moments", x, parts, n * b, h * w, c)
    means, spreads = parts.double().unbind(1)
    mean = means.mean(0)
    var = spreads.mean(0) / (h * w) + (means - mean).square().mean(0)
    return mean.float(), var.float()


def fire(x, scale, shift, ticks, pool, hard, rate, v_init, decay):
    """neuron._fire, or with `rate` neuron._rate."""
    drives, b, h, w, c = x.shape
    out = torch.empty(1 if rate else ticks, b, h // pool, w // pool, c)
    _call(
        "fire", x, scale, shift, out, drives, ticks, b, h, w, c, pool, int(hard), int(rate), v_init,
        decay,
    )  # fmt: skip
    return out


def fire_back(grad, x, scale, shift, mean, inv, pool, hard, v_init, window, decay):
    """neuron._drive_gradient: (dy like x, sum of dy [C], sum of dy * normalised x [C])."""
    drives, b, h, w, c = x.shape
    dy, sums = torch.empty_like(x), torch.empty(b, 2, c)
    _call(
        "fire_back", grad, x, scale, shift, mean, inv, dy, sums,
        drives, len(grad), b, h, w, c, pool, int(hard), v_init, window, decay,
    )  # fmt: skip
    return dy, *sums.double().sum(0).float()


def norm_back(dy, x, mean, inv, gain, mean_dy, mean_dyx):
    """neuron._norm_back; dy is overwritten and returned."""
    c = x.shape[-1]
    _call("norm_back", dy, x, mean, inv, gain, mean_dy, mean_dyx, x.numel() // c, c)
    return dy


def spike_psums(bits, weights, outputs, ticks):
    """(psums int16 [n,h,w,8,out], their means float32 [n,h,w,out]) of spikes and weights as in
    spikes.cpp: bits int64 [n,h,w,g,8], weights int64 [out/8,9,g,8]."""
    n, h, w, g, words = bits.shape
    psums = torch.empty(n, h, w, words, outputs, dtype=torch.int16)
    mean = torch.empty(n, h, w, outputs)
    _call("spike_psums", bits, weights, psums, mean, ticks, n, h, w, g, outputs)
    return psums, mean


def spike_fire(psums, x, scale, shift, ticks, pool, hard, v_init, decay):
    """(rate float32 [n,h/pool,w/pool,c], spikes int64 [n,h/pool,w/pool,c/64,8]) of neurons with the
    psums int16 [n,h,w,8,c], or None and the drive x [n,h,w,c] at every tick."""
    n, h, w, c = x.shape
    rate = torch.empty(n, h // pool, w // pool, c)
    bits = torch.empty(n, h // pool, w // pool, c // 64, 8, dtype=torch.int64)
    _call(
        "spike_fire", psums, x, scale, shift, bits, rate, ticks, n, h, w, c, pool, int(hard), v_init,
        decay,
    )  # fmt: skip
    return rate, bits
