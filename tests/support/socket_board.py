"""A board behind the socket of firmware/pcie_socket.py, in Python: a ``FakeBar`` that answers packets.

The packets are taken apart and made by cocotbext-pcie's codec, which is not the driver's.
"""

import socket
import threading

import numpy as np
from cocotbext.pcie.core.tlp import CplStatus, Tlp, TlpType
from cocotbext.pcie.core.utils import PcieId

from tests.support.fake_pcie import FakeBar
from volley.firmware.pcie import BAR_BYTES
from volley.firmware.pcie_socket import (
    COMPLETER,
    COUNTERS_STRUCT,
    HEAD_BYTES,
    Kind,
    message,
    split_head,
)


class SocketBoard:
    """Serves one end of a socket pair in a thread; a context manager that gives the other end.

    spoil(tlp): changes a completion before it is sent; None: it is not. requests: the Tlps that came.
    """

    def __init__(self, bar=None, spoil=lambda tlp: tlp):
        self.bar, self.spoil, self.requests = bar or FakeBar(), spoil, []
        self.near, self.far = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.failure = None

    def __enter__(self):
        self._thread.start()
        return self.near

    def __exit__(self, *exception):
        self.near.close()
        self._thread.join()
        self.far.close()
        if self.failure:
            raise self.failure

    def _serve(self):
        try:
            stream = self.far.makefile("rb")
            while len(head := stream.read(HEAD_BYTES)) == HEAD_BYTES:
                kind, length = split_head(head)
                data = stream.read(length)
                if kind == Kind.COUNTERS:
                    count = len(self.requests)
                    self._send(Kind.COUNTERS, COUNTERS_STRUCT.pack(10 * count, count, 0, 0, 0))
                else:
                    self._take(data)
        except (ConnectionError, BrokenPipeError):
            pass
        except Exception as error:  # shown by __exit__
            self.failure = error
            self.far.close()

    def _send(self, kind, data):
        self.far.sendall(message(kind, data))

    def _take(self, data):
        tlp = Tlp.unpack_header(data)
        tlp.data = bytearray(data[tlp.get_header_size() :])
        self.requests.append(tlp)
        place = tlp.address % BAR_BYTES // 4
        assert tlp.first_be == 15 and tlp.last_be == (15 if tlp.length > 1 else 0)
        if tlp.fmt_type == TlpType.MEM_WRITE:
            assert len(tlp.data) == 4 * tlp.length
            self.bar.store_block(place, np.frombuffer(bytes(tlp.data), "<u4"))
            return
        assert tlp.fmt_type == TlpType.MEM_READ and not tlp.data
        words = self.bar.load_block(place, tlp.length)
        answer = Tlp.create_completion_data_for_tlp(tlp, PcieId.from_int(COMPLETER))
        answer.set_data(np.array(words, "<u4").tobytes())
        answer.byte_count, answer.lower_address = 4 * tlp.length, tlp.address % 128
        answer = self.spoil(answer)
        if answer is not None:
            self._send(Kind.TLP, bytes(answer.pack()))


def unsupported(tlp):
    """A completion without data that says "unsupported request"."""
    answer = Tlp(tlp)
    answer.fmt_type, answer.status, answer.length = TlpType.CPL, CplStatus.UR, 0
    answer.data = bytearray()
    return answer
