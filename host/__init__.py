"""The driver of Volley's accelerators: ``from host import Device``. It runs without torch."""

from host.device import Device
from host.errors import DeviceError, HostError, LinkError, PictureError, TransportError
from host.results import Result

__all__ = [
    "Device",
    "DeviceError",
    "HostError",
    "LinkError",
    "PictureError",
    "Result",
    "TransportError",
]
