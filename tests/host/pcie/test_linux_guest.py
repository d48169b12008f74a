"""A real Linux, in QEMU, with the board as a PCI device: the driver through sysfs and through vfio-pci."""

import json
import os
import queue
import subprocess
import threading
from pathlib import Path

import numpy as np
import pytest

from tests.support import guest, guest_script
from tests.support.fake_device import FakeBoard
from tests.support.fake_pcie import FakeBar
from tests.support.qemu_proxy import ProxyDevice
from volley.firmware import boards, modelfile
from volley.firmware.pcie import WINDOW_PLACE
from volley.host import images, infer
from volley.model import golden

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]
START_S, STEP_S = 600, 900


class Guest:
    """The running guest; ``says`` are the objects that it prints."""

    def __init__(self, command, descriptor, log):
        self.log = log.open("w")
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, errors="replace", pass_fds=[descriptor],
        )  # fmt: skip
        self.says = queue.Queue()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        for line in self.process.stdout:
            self.log.write(line)
            self.log.flush()
            if guest_script.SAYS in line:
                self.says.put(json.loads(line.split(guest_script.SAYS, 1)[1]))
        self.says.put({"what": "ended"})

    def expect(self, what, seconds=STEP_S):
        """The next object, which must be of that kind."""
        found = self.says.get(timeout=seconds)
        assert found["what"] == what, f"{found}; see {self.log.name}"
        return found

    def close(self):
        self.process.kill()
        self.process.wait()
        self._thread.join()
        self.process.stdout.close()
        self.process.stdin.close()
        self.log.close()


def test_linux_finds_drives_and_loses_the_board(tmp_path):
    guest.need_tools()
    image, modules = guest.kernel()
    board = boards.load("sim")
    model = modelfile.load(infer.MODEL)
    pictures = images.load(infer.IMAGES, (1, 28, 28), limit=guest_script.LIMIT).images
    wanted = golden.run(model, pictures).scores.tolist()
    bar = FakeBar(FakeBoard(board.design, board="acorn"))
    device = ProxyDevice(bar)
    initramfs = guest.build(tmp_path, modules, Path(guest_script.__file__).read_text())
    print(f"initramfs of {os.path.getsize(initramfs) >> 20} MB")
    number = device.near.fileno()
    running = Guest(guest.command(image, initramfs, number), number, tmp_path / "console.log")
    try:
        device.near.close()
        device.start()
        rule = running.expect("rule", START_S)
        assert (rule["code"], rule["mode"], rule["group"]) == (0, "0o100660", guest_script.USER)
        ((port, text),) = running.expect("list")["rows"]
        assert port.startswith("pcie:0000:00:") and text.startswith(
            "acorn, PCIe 10ee:564f, 100 MHz"
        )

        device.accesses.clear()
        found = running.expect("sysfs")
        assert (found["code"], found["scores"]) == (0, wanted), found
        print(f"sysfs: {found['seconds']:.1f} s, {len(device.accesses)} accesses")
        check_accesses(device.accesses)

        found = running.expect("disabled")
        assert found["code"] == 2 and "is not enabled, as after a rescan" in found["error"], found
        found = running.expect("locked")
        assert found["code"] == 2 and "the kernel is locked down" in found["error"], found
        assert "vfio-pci" in found["error"]
        found = running.expect("refused")
        assert found["code"] == 2 and "no permission" in found["error"], found

        device.accesses.clear()
        found = running.expect("vfio")
        assert (found["code"], found["scores"]) == (0, wanted), found
        print(f"vfio: {found['seconds']:.1f} s, {len(device.accesses)} accesses")
        check_accesses(device.accesses)

        running.expect("remove")
        device.remove()
        running.process.stdin.write("\n")
        running.process.stdin.flush()
        found = running.expect("removed")
        assert found["error"].startswith("TransportError"), found
        assert "the board is gone, it reads all ones" in found["error"]
    finally:
        running.close()
        device.remove()


def check_accesses(accesses):
    """CPython's items are accesses of 8 or 4 bytes, each word of a picture once and in order."""
    assert {size for _, _, size in accesses} == {4, 8}
    assert all(offset % size == 0 for _, offset, size in accesses)
    window = 4 * WINDOW_PLACE
    stores = [(offset, size) for write, offset, size in accesses if write and offset >= window]
    whole = [(window + k, 8) for k in range(0, 784, 8)]
    starts = [at for at, access in enumerate(stores) if stores[at : at + len(whole)] == whole]
    assert len(starts) >= guest_script.LIMIT
    assert np.count_nonzero([size == 8 for _, size in stores]) > 0.9 * len(stores)
