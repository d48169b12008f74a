"""The errors of the driver: every one carries a text for the user; infer.py exits with code 2."""


class HostError(Exception):
    """Something the user can act on; the text says what was found, what is allowed, what next."""


class TransportError(HostError):
    """A port cannot be opened, or went away while it was open."""


class LinkError(HostError):
    """The far end is silent, or what it sends cannot be understood, after every retry."""


class DeviceError(HostError):
    """The far end answers, but is not what is needed: another design, a program that hangs."""


class PictureError(HostError):
    """Pictures or labels that cannot be used."""
