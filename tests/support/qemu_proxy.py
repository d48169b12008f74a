"""A PCI device in Python for QEMU's x-pci-proxy-dev: configuration space, and BAR0 of a ``FakeBar``.

QEMU sends each access of the guest over a socket, in the messages of its multi-process mode; one that asks
for an answer waits for it. When the socket closes, the guest reads all ones, as after a surprise removal.
"""

import array
import contextlib
import os
import socket
import struct
import threading

import numpy as np

from volley.firmware.pcie import BAR_BYTES, CLASS_CODE, DEVICE_ID, VENDOR_ID

# hw/remote/mpqemu-link.h of QEMU 7.2
SYNC_SYSMEM, RET, CONFIG_WRITE, CONFIG_READ, BAR_WRITE, BAR_READ, SET_IRQFD, RESET = range(8)
HEAD = struct.Struct("=i4xQ")  # command, size
CONFIG = struct.Struct("=2Ii")  # address, value, length
ACCESS = struct.Struct("=2QI??2x")  # address, value, size, write, memory
ONES = (1 << 64) - 1
BAR0 = 0x10


class ProxyDevice:
    """Serves the device; ``near`` is QEMU's end of the socket pair, and ``remove`` takes it away.

    accesses: (write, byte offset in BAR0, bytes) of each access of the guest.
    """

    def __init__(self, bar):
        self.bar, self.accesses = bar, []
        self.near, self._far = socket.socketpair()
        self._config = bytearray(256)
        struct.pack_into("<2H", self._config, 0, VENDOR_ID, DEVICE_ID)
        struct.pack_into("<I", self._config, 8, CLASS_CODE << 8 | 1)
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def start(self):
        self._thread.start()

    def remove(self):
        """The device goes away."""
        with contextlib.suppress(OSError):
            self._far.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)

    def _serve(self):
        with self._far:
            while (message := self._receive()) is not None:
                answer = self._answer(*message)
                if answer is not None:
                    data = HEAD.pack(RET, 8) + struct.pack("=Q", answer & ONES)
                    try:
                        self._far.sendall(data)
                    except OSError:
                        return

    def _receive(self):
        head = self._bytes(HEAD.size)
        if head is None:
            return None
        command, size = HEAD.unpack(head)
        return command, self._bytes(size) if size else b""

    def _bytes(self, count):
        data = b""
        while len(data) < count:
            try:
                part, extra, _, _ = self._far.recvmsg(count - len(data), 1024)
            except OSError:
                return None
            for _, _, numbers in extra:  # descriptors of the guest's memory and interrupts
                files = array.array("i")
                files.frombytes(numbers[: len(numbers) // 4 * 4])
                for file in files:
                    os.close(file)
            if not part:
                return None
            data += part
        return data

    def _answer(self, command, data):
        if command in (SYNC_SYSMEM, SET_IRQFD):
            return None
        if command == RESET:
            return 0
        if command in (CONFIG_READ, CONFIG_WRITE):
            return self._configure(command == CONFIG_WRITE, *CONFIG.unpack(data))
        address, value, size, _, _ = ACCESS.unpack(data)
        (base,) = struct.unpack_from("<I", self._config, BAR0)
        return self._access(command == BAR_WRITE, address - base, size, value)

    def _configure(self, write, address, value, length):
        part = slice(address, address + length)
        if not write:
            return int.from_bytes(self._config[part], "little")
        writable = {
            4: 0x0147,
            5: 0x01,
            0x3C: 0xFF,
        }  # of the command's two bytes, the interrupt line
        writable.update({BAR0 + 2: 0xFF, BAR0 + 3: 0xFF})  # 64 KB
        for at, byte in enumerate((value & (1 << 8 * length) - 1).to_bytes(length, "little")):
            mask = writable.get(address + at, 0)
            self._config[address + at] = self._config[address + at] & ~mask | byte & mask
        return 0

    def _access(self, write, offset, size, value):
        assert 0 <= offset and offset + size <= BAR_BYTES
        self.accesses.append((write, offset, size))
        if size < 4 or offset % 4:
            if write:
                self.bar.errors["partial_word"] = 1
                return 0
            word = int(self.bar.load_block(offset // 4, 1)[0])
            return word >> 8 * (offset % 4) & (1 << 8 * size) - 1
        if write:
            words = np.frombuffer(struct.pack("<Q", value), "<u4")[: size // 4]
            self.bar.store_block(offset // 4, words)
            return 0
        words = np.array(self.bar.load_block(offset // 4, size // 4), "<u4")
        return int.from_bytes(words.tobytes(), "little")
