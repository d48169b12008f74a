"""A transport straight into a FakeBoard: sessions without a port, a thread or a wait."""

import time

from tests.support.fake_device import FakeBoard
from volley.host.transport import Transport


class Loop(Transport):
    """Bytes to a FakeBoard and back; ``spoil`` and ``spoil_back`` change each piece on its way.

    polls: shortest wait of a read, seconds.
    """

    name = "loop"
    patience = 0.05

    def __init__(self, board, spoil=bytes, spoil_back=bytes, polls=0.005):
        self.board, self.spoil, self.spoil_back, self.polls = board, spoil, spoil_back, polls
        self.waiting = b""

    def write(self, data):
        self.waiting += self.spoil_back(self.board.take(self.spoil(data)))

    def read(self, timeout):
        data, self.waiting = self.waiting, b""
        if not data:
            time.sleep(min(timeout, self.polls))
        return data

    def close(self):
        pass


class ResettingBoard(FakeBoard):
    """Is reset once, when ``countdown`` frames have been executed from now on.

    countdown: None for never. mute: the answer to the last of them is lost. fresh: called in place of
    a reset, to leave another state behind.
    """

    countdown, mute, fresh = None, False, None

    def _execute(self, frame):
        answer = super()._execute(frame)
        if self.countdown is not None:
            self.countdown -= 1
            if self.countdown <= 0:
                self.countdown = None
                (self.fresh or self.reset)()
                return b"" if self.mute else answer
        return answer
