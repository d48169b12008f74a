"""A pseudo-terminal between host and board that damages one byte of what passes."""

import os
import pty
import select
import threading
import tty

import serial

TO_BOARD, TO_HOST = "to board", "to host"
FAULTS = ("flip", "drop", "double")


class Proxy:
    """Forwards bytes between its own port ``path`` and the port ``target``; a context manager.

    arm(): which byte of the next session is damaged, and how. counts: bytes since then, by
    direction. hit: whether the byte came by.
    """

    def __init__(self, target, baud):
        self._board = serial.Serial(target, baud, timeout=0, exclusive=False)
        self._host, self._kept = pty.openpty()
        tty.setraw(self._host)
        tty.setraw(self._kept)
        self.path = os.ttyname(self._kept)
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.arm()

    def arm(self, direction=None, place=0, fault=None, bit=0):
        """Byte number ``place`` in a direction is flipped in ``bit``, dropped, or doubled."""
        with self._lock:
            self._fault = (direction, place, fault, bit)
            self.counts = {TO_BOARD: 0, TO_HOST: 0}
            self.hit = False

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exception):
        self._ended.set()
        self._thread.join()
        self._board.close()
        os.close(self._kept)
        os.close(self._host)

    def _serve(self):
        board = self._board.fileno()
        while not self._ended.is_set():
            ready = select.select([self._host, board], [], [], 0.02)[0]
            if self._host in ready:
                self._board.write(self._spoil(TO_BOARD, os.read(self._host, 4096)))
            if board in ready:
                data = self._spoil(TO_HOST, os.read(board, 4096))
                while data:
                    data = data[os.write(self._host, data) :]

    def _spoil(self, direction, data):
        with self._lock:
            wanted, place, fault, bit = self._fault
            here = place - self.counts[direction]
            self.counts[direction] += len(data)
            if direction != wanted or not 0 <= here < len(data):
                return data
            self.hit = True
            byte = data[here : here + 1]
            spoilt = {"flip": bytes([byte[0] ^ 1 << bit]), "drop": b"", "double": 2 * byte}[fault]
            return data[:here] + spoilt + data[here + 1 :]
