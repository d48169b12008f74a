"""The driver of Volley's accelerators: ``from host import Device``. It runs without torch."""

from volley.host.device import Device
from volley.host.errors import (
    DeviceError,
    HostError,
    LinkError,
    PictureError,
    TransportError,
)
from volley.host.results import Result

__all__ = [
    "Device",
    "DeviceError",
    "HostError",
    "LinkError",
    "PictureError",
    "Result",
    "TransportError",
]
