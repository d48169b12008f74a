"""PCIe boards in a folder that looks like sysfs: found, opened by one program at a time, refused."""

import errno
import fcntl
import json
import mmap
import os
import struct
from pathlib import Path

import numpy as np
import pytest

from tests.support.fake_device import FakeBoard
from tests.support.fake_pcie import FakeBar, add_device, identity_of
from volley.firmware.files import PACKAGE
from volley.firmware.pcie import BAR_BYTES, DEVICE_ID, VENDOR_ID, Control, control
from volley.host import Device, TransportError, infer, ports
from volley.host.errors import HostError
from volley.host.pcie import find, port, sysfs, vfio

WORDS = list(range(0x100, 0x140))


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setattr(find, "ROOT", tmp_path)
    return tmp_path


def message(call, *arguments):
    with pytest.raises(TransportError) as caught:
        call(*arguments)
    return str(caught.value)


def test_the_only_board(root):
    add_device(root, "0000:00:02.0", (0x8086, 0x1234))
    add_device(root)
    assert find.choose("pcie", root).address == "0000:03:00.0"
    for text in ("pcie:0000:03:00.0", "pcie:03:00.0"):
        assert find.choose(text, root).port == "pcie:0000:03:00.0"


def test_none_or_several_boards(root):
    text = message(find.choose, "pcie", root)
    assert "no PCIe board here" in text and "10ee:564f" in text and "docs/pcie.md" in text
    add_device(root)
    add_device(root, "0000:04:00.0")
    text = message(find.choose, "pcie", root)
    assert "choose one of pcie:0000:03:00.0, pcie:0000:04:00.0" in text


def test_a_wrong_address(root):
    add_device(root)
    add_device(root, "0000:00:02.0", (0x8086, 0x1234))
    assert "is 8086:1234" in message(find.choose, "pcie:0000:00:02.0", root)
    assert "no such device" in message(find.choose, "pcie:0000:09:00.0", root)
    assert "no PCI address" in message(find.choose, "pcie:first", root)


def test_words_through_a_map(root):
    add_device(root, words=WORDS)
    bar = port.open_bar(find.choose("pcie", root))
    assert bar.load(3) == 0x103
    assert bar.load_block(1, 6) == WORDS[1:7]
    for start, count in ((0x2001, 5), (0x2010, 4), (0x2020, 1), (0x2031, 0)):
        words = np.arange(start, start + count, dtype=np.uint32)
        bar.store_block(start, words)
        assert bar.load_block(start, count) == words.tolist()
    bar.store(control(Control.RUN), 0xFFFFFFFF)
    bar.close()
    bar.close()
    raw = np.fromfile(root / "sys/bus/pci/devices/0000:03:00.0/resource0", "<u4")
    assert raw[0x2001:0x2006].tolist() == list(range(0x2001, 0x2006))
    assert raw[control(Control.RUN)] == 0xFFFFFFFF and raw[0x2006] == 0


def test_one_owner_at_a_time(root):
    add_device(root)
    device = find.choose("pcie", root)
    first = port.open_bar(device)
    assert "is busy: another program uses the board" in message(port.open_bar, device)
    first.close()
    port.open_bar(device).close()


def test_a_device_after_a_rescan_is_enabled_first(root):
    folder = add_device(root, enable="0\n")
    port.open_bar(find.choose("pcie", root)).close()
    assert (folder / "enable").read_text() == "1"


def test_a_bar_of_another_size(root):
    folder = add_device(root)
    (folder / "resource0").write_bytes(bytes(4096))
    assert f"BAR0 has 4096 bytes, that of a Volley board {BAR_BYTES}" in message(
        port.open_bar, find.choose("pcie", root)
    )


def test_another_driver_has_the_device(root):
    add_device(root, driver="xdma")
    text = message(port.open_bar, find.choose("pcie", root))
    assert "driver xdma has the device" in text and "echo 0000:03:00.0 >" in text


@pytest.mark.parametrize(
    "number, texts",
    [
        (errno.EPERM, ["locked down", "vfio-pci"]),
        (errno.EACCES, ["no permission", "udev rule"]),
        (errno.ENODEV, ["went away", "rescan"]),
        (errno.EIO, ["Input/output error"]),
    ],
)
@pytest.mark.parametrize("where", ["open", "map"])
def test_what_the_kernel_refuses(root, monkeypatch, number, texts, where):
    add_device(root)
    device = find.choose("pcie", root)

    def refuse(*_, **__):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(*((sysfs.os, "open") if where == "open" else (mmap, "mmap")), refuse)
    text = message(port.open_bar, device)
    assert all(each in text for each in texts), text


class FakeVfio:
    """linux/vfio.h on files: the device is a file with BAR0 and then the configuration space."""

    CONFIG = 1 << 20

    def __init__(self, root, monkeypatch, viable=True, size=BAR_BYTES, api=0, iommu=None):
        self.viable, self.size, self.api, self.iommu, self.calls = viable, size, api, iommu, []
        self.folder = add_device(root, driver="vfio-pci", words=WORDS)
        group = root / "sys/kernel/iommu_groups/7"
        group.mkdir(parents=True)
        (self.folder / "iommu_group").symlink_to(group)
        (root / "dev/vfio").mkdir(parents=True)
        for name in ("vfio", "7"):
            (root / "dev/vfio" / name).write_bytes(b"")
        self.path = root / "device"
        self.path.write_bytes((self.folder / "resource0").read_bytes())
        with self.path.open("r+b") as file:
            file.truncate(self.CONFIG + 4096)
        monkeypatch.setattr(fcntl, "ioctl", self.ioctl)

    def ioctl(self, descriptor, number, argument=0):
        assert isinstance(argument, int | bytes | bytearray)
        code = self.code(number, argument)
        return argument if isinstance(argument, bytes) else code  # as fcntl.ioctl

    def code(self, number, argument):
        self.calls.append(number - 0x3B64)
        kind = self.calls[-1]
        if kind == 0:
            return self.api
        if kind == 2 and self.iommu:
            raise OSError(self.iommu, os.strerror(self.iommu))
        if kind == 3:
            argument[:] = struct.pack("=2I", 8, int(self.viable))
        if kind == 6:
            assert isinstance(argument, bytearray) and argument == b"0000:03:00.0\0"
            return os.open(self.path, os.O_RDWR)
        if kind == 8:
            region = struct.unpack("=4I2Q", argument)[2]
            offset, size = {0: (0, self.size), 7: (self.CONFIG, 4096)}[region]
            argument[:] = struct.pack("=4I2Q", 32, 7, region, 0, size, offset)
        return 0

    @property
    def command(self):
        return self.path.read_bytes()[self.CONFIG + 4]


def test_vfio(root, monkeypatch):
    fake = FakeVfio(root, monkeypatch)
    device = find.choose("pcie", root)
    bar = port.open_bar(device)
    assert isinstance(bar, vfio.VfioBar)
    assert fake.calls == [0, 3, 4, 2, 6, 8, 8] and fake.command == 2
    assert bar.load_block(0, 4) == WORDS[:4]
    assert "is busy" in message(port.open_bar, device)
    bar.close()
    port.open_bar(device).close()


@pytest.mark.parametrize(
    "settings, text",
    [
        ({"viable": False}, "other devices that are not with vfio-pci"),
        ({"size": 4096}, "BAR0 has 4096 bytes"),
        ({"api": 1}, "of another version"),
        ({"iommu": errno.EPERM}, "no interrupt remapping"),
        ({"iommu": errno.EINVAL}, "Invalid argument"),
    ],
)
def test_what_vfio_refuses(root, monkeypatch, settings, text):
    FakeVfio(root, monkeypatch, **settings)
    before = len(os.listdir("/proc/self/fd"))
    assert text in message(port.open_bar, find.choose("pcie", root))
    assert len(os.listdir("/proc/self/fd")) == before, "a file stays open"


def test_vfio_without_its_parts(root, monkeypatch):
    fake = FakeVfio(root, monkeypatch)
    device = find.choose("pcie", root)
    (root / "dev/vfio/vfio").unlink()
    assert "modprobe vfio-pci" in message(port.open_bar, device)
    (fake.folder / "iommu_group").unlink()
    assert "no IOMMU group" in message(port.open_bar, device)


def test_the_list_shows_boards_by_their_identity(root):
    add_device(root, words=identity_of(FakeBoard(board="acorn")))
    add_device(root, "0000:04:00.0", words=[5])
    add_device(root, "0000:05:00.0", driver="xdma")
    add_device(root, "0000:06:00.0", words=[0xFFFFFFFF] * 64)
    rows = dict(port.listing(root))
    assert rows["pcie:0000:03:00.0"] == "acorn, PCIe 10ee:564f, 100 MHz, CI 8, CO 2, 1152 PE"
    assert "no Volley board: its magic is 0x00000005" in rows["pcie:0000:04:00.0"]
    assert "driver xdma has the device" in rows["pcie:0000:05:00.0"]
    assert "gone" in rows["pcie:0000:06:00.0"]
    assert "pcie:0000:03:00.0  acorn, PCIe" in ports.listing()


def test_the_command_over_pcie(root, monkeypatch, capsys, tmp_path):
    """infer.py --port pcie with a board in Python behind the device that sysfs shows."""
    from tests.support.fake_device import SMALL, small_program
    from tests.support.random_models import random_model
    from volley.model import golden

    add_device(root)
    bar = FakeBar(name="pcie:0000:03:00.0")
    monkeypatch.setattr(sysfs, "open_bar", lambda device: bar)
    model = random_model(3, layers=2, readout=True, size=6, channels=1)
    program, loaded = small_program(model, SMALL)
    program.save(tmp_path / "p.image")
    images = model.images(4)
    np.save(tmp_path / "i.npy", images)
    command = ["--port", "pcie", "--model", str(tmp_path / "p.image"), "--images"]
    assert infer.main([*command, str(tmp_path / "i.npy"), "--json", str(tmp_path / "o.json")]) == 0
    entries = json.loads((tmp_path / "o.json").read_text())["images"]
    assert [entry["scores"] for entry in entries] == golden.run(loaded, images).scores.tolist()
    assert bar.closed
    bar.gone = True
    assert infer.main([*command, str(tmp_path / "i.npy")]) == 2
    assert "the board is gone" in capsys.readouterr().err


def test_the_command_without_a_board(root, capsys):
    assert infer.main(["--port", "pcie", "--limit", "1"]) == 2
    assert "no PCIe board here" in capsys.readouterr().err


def test_the_board_is_free_again_when_it_is_refused(root):
    add_device(root, words=[5])
    for _ in range(2):
        with pytest.raises(HostError, match="no Volley board"):
            Device.open("pcie")


def test_the_udev_rule_is_for_these_boards():
    text = (Path(find.__file__).parent / "60-volley.rules").read_text()
    for name, number in (("vendor", VENDOR_ID), ("device", DEVICE_ID)):
        assert f'ATTR{{{name}}}=="{number:#06x}"' in text
    page = (PACKAGE / "docs/pcie.md").read_text()
    assert f"lspci -d {find.IDS}" in page and "60-volley.rules" in page
