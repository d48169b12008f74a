"""Volley: binary-weight spiking networks, trained, compiled and run on an FPGA accelerator.

    from volley import Device

    with Device.open("sim") as device:
        device.load("mnist.safetensors")
        print(device.infer(picture).label)

The parts are ``volley.model`` (training), ``volley.firmware`` (contract and compiler), ``volley.rtl``
(hardware), ``volley.fpga`` (builds) and ``volley.host`` (driver). In a checkout they are the folders
beside this one; an installed package has them inside.
"""

import importlib
from pathlib import Path

__version__ = "0.1.0"

_HERE = Path(__file__).resolve().parent
if not (_HERE / "firmware").is_dir():
    __path__.append(str(_HERE.parent))

_PUBLIC = {
    "BoardError": "firmware.boards",
    "Design": "firmware.design",
    "Device": "host.device",
    "DeviceError": "host.errors",
    "FitError": "firmware.compiler.fit",
    "HostError": "host.errors",
    "LinkError": "host.errors",
    "Model": "firmware.modelfile",
    "ModelError": "firmware.modelfile",
    "PictureError": "host.errors",
    "Program": "firmware.program",
    "Result": "host.results",
    "TransportError": "host.errors",
    "compile_model": "firmware.compiler.program",
    "from_nir": "model.interchange.nir_import",
    "from_torch": "model.interchange.torch_import",
    "load_board": "firmware.boards:load",
    "load_model": "firmware.modelfile:load",
    "save_model": "firmware.modelfile:save",
    "to_nir": "model.interchange.nir_export",
    "to_torch": "model.interchange.twin",
}
"""Public name: the module that has it, or module:name. Imported at first use: ``import volley`` is quick."""

__all__ = sorted(_PUBLIC)


def __getattr__(name: str):
    if name not in _PUBLIC:
        raise AttributeError(f"module 'volley' has no attribute {name!r}")
    module, _, inside = _PUBLIC[name].partition(":")
    value = getattr(importlib.import_module(f"volley.{module}"), inside or name)
    globals()[name] = value
    return value


def __dir__():
    return sorted({*globals(), *__all__})
