"""A transport that hands bytes to a ``FakeBoard`` and back at once, to count them."""

from volley.host.transport import Transport


class DirectTransport(Transport):
    """The link to a ``tests.support.fake_device.FakeBoard`` without a port or a thread."""

    name = "direct"

    def __init__(self, board):
        self.board, self.answers = board, b""

    def write(self, data):
        """The board takes the bytes and answers."""
        self.answers += self.board.take(data)

    def read(self, timeout):
        """What the board has answered."""
        data, self.answers = self.answers, b""
        return data

    def close(self):
        """Nothing is open."""
