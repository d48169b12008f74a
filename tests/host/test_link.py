"""The host's frame layer against the board in Python: order, loss, refusals, silence, speed."""

import random
import time

import pytest

from tests.support.fake_device import SMALL, FakeBoard, FakeDevice
from tests.support.loop import Loop
from volley.firmware import frames
from volley.firmware.frames import Command, Status
from volley.firmware.registers import IDENTITY_WORDS, MAGIC, Region, address
from volley.host.errors import LinkError, TransportError
from volley.host.link import WINDOW, Link
from volley.host.transport import SerialTransport


def open_link(**spoil):
    link = Link(Loop(FakeBoard(), **spoil))
    assert link.identify(IDENTITY_WORDS)[0] == MAGIC
    return link


WEIGHTS = address(Region.WEIGHTS)


def test_what_is_written_is_read_back_over_many_frames():
    link = open_link()
    words = [random.Random(1).getrandbits(SMALL.ci * SMALL.co) for _ in range(1000)]
    link.write(WEIGHTS, words)
    assert link.read(WEIGHTS, len(words)) == words
    assert link.counts["again"] == 0


def test_frames_are_executed_once_and_in_order_when_some_are_lost():
    rng = random.Random(2)

    def lose(data):
        """Drops a frame in twenty."""
        parts = data.split(bytes([frames.DELIMITER]))[:-1]
        kept = [part for part in parts if rng.random() > 0.05]
        return b"".join(part + bytes([frames.DELIMITER]) for part in kept)

    link = open_link(spoil=lose, spoil_back=lose)
    words = list(range(9000))
    for start in range(0, len(words), 30):
        link.submit(Command.WRITE, WEIGHTS + start % 3000, payload=words[start : start + 30])
    link.flush()
    executed = [place for code, place, _ in link.transport.board.log if code == Command.WRITE]
    assert executed == [WEIGHTS + start % 3000 for start in range(0, len(words), 30)]
    assert link.counts["again"] > 0
    assert link.read(WEIGHTS, 900) == words[6000:6900]


def test_a_read_whose_answer_is_lost_is_asked_for_again():
    lose = [False]

    def back(data):
        if lose[0]:
            lose[0] = False
            return b""
        return data

    link = open_link(spoil_back=back)
    link.write(WEIGHTS, [5, 6, 7])
    lose[0] = True
    assert link.read(WEIGHTS, 3) == [5, 6, 7]
    assert [code for code, *_ in link.transport.board.log].count(Command.READ) == 2


def test_a_run_whose_answer_is_lost_is_known_to_be_executed_once():
    lose = [False]
    link = open_link(
        spoil_back=lambda data: (
            b"" if lose.pop() and lose.append(False) is None else lose.append(False) or data
        )
    )
    lose[0] = True
    request = link.wait(link.submit(Command.RUN, 0, 2))
    assert request.lost and not request.words
    assert link.transport.board.simulator.runs == 1


def test_a_refusal_names_command_and_place():
    link = open_link()
    with pytest.raises(LinkError, match="READ of 1 words at 0x70000000 with BAD_ADDRESS"):
        link.read(0x70000000, 1)
    request = link.wait(link.submit(99))
    assert request.status == Status.BAD_COMMAND


def test_numbers_wrap_around():
    link = open_link()
    for number in range(700):
        link.write(WEIGHTS + number % 50, [number])
    assert link.read(WEIGHTS, 50) == list(range(650, 700))


def test_a_frame_too_long_is_refused_before_it_is_sent():
    with pytest.raises(ValueError, match="240"):
        open_link().submit(Command.WRITE, WEIGHTS, payload=[0] * 241)


@pytest.mark.parametrize("seq", range(frames.SEQS))
def test_a_device_that_was_reset_is_an_error_and_not_an_answer(seq):
    """Whatever the host's next seq is, and whatever the board expects."""
    link = open_link()
    while link._next_seq != seq:
        link.status()
    link.transport.board.reset()
    with pytest.raises(LinkError, match="session 0x0000, this one is .*reset or exchanged"):
        link.write_all([(WEIGHTS, list(range(20 * frames.MAX_WORDS)))])
    assert link.broken
    assert link.identify(IDENTITY_WORDS)[0] == MAGIC and not link.broken


def test_another_host_that_takes_the_board_over_ends_the_session():
    link = open_link()
    Link(Loop(link.transport.board)).identify(IDENTITY_WORDS)
    with pytest.raises(LinkError, match="another program has started a session"):
        link.status()


def test_each_session_has_a_number_that_is_not_0():
    link = open_link()
    numbers = [link.identify(IDENTITY_WORDS) and link.session for _ in range(300)]
    assert 0 not in numbers and len(set(numbers)) > 290


def test_a_silent_device_says_so():
    link = Link(Loop(FakeBoard(), spoil_back=lambda data: b""))
    with pytest.raises(LinkError, match="loop: no answer to 3 requests.*powered"):
        link.identify(IDENTITY_WORDS)


def test_noise_instead_of_answers_says_so():
    link = Link(Loop(FakeBoard(), spoil_back=lambda data: bytes(255 - b for b in data) + b"\0"))
    with pytest.raises(LinkError, match="damaged frames came back"):
        link.identify(IDENTITY_WORDS)


def test_a_device_that_falls_silent_in_the_middle():
    link = open_link()
    link.transport.spoil_back = lambda data: b""
    with pytest.raises(LinkError, match="no usable answer to READ after 8 tries"):
        link.read(WEIGHTS, 1)


def share_of_the_wire(window):
    """Payload over what a wire of 50,000 bytes/s can carry, answers taking 16 ms."""
    rate, words, sections = 50_000, [0] * 4000, 6
    with FakeDevice(FakeBoard(), rate=rate, delay=0.016) as device:
        transport = SerialTransport(device.path, 115200)
        link = Link(transport, window)
        link.identify(IDENTITY_WORDS)
        began = time.monotonic()
        link.write_all([(WEIGHTS, words)] * sections)
        seconds = time.monotonic() - began
        transport.close()
    return 4 * len(words) * sections / rate / seconds


def test_the_line_is_busy_with_payload_while_uploading():
    """Answers are as late as a USB adapter's. On a busy machine a test may sleep through its own
    measurement: the best of three counts."""
    for _ in range(3):
        share = share_of_the_wire(WINDOW)
        print(f"payload {100 * share:.1f} % of the wire")
        if share >= 0.95:
            return
    pytest.fail(f"payload is {100 * share:.1f} % of the wire")


def test_a_port_that_is_not_there_lists_those_that_are():
    with pytest.raises(TransportError, match="no such port: /dev/ttyNOT0; ports here"):
        SerialTransport("/dev/ttyNOT0", 115200)


def test_a_busy_port_says_so():
    with FakeDevice() as device:
        first = SerialTransport(device.path, 115200)
        with pytest.raises(TransportError, match="is busy: another program has it open"):
            SerialTransport(device.path, 115200)
        first.close()
        SerialTransport(device.path, 115200).close()


def test_a_file_is_no_port(tmp_path):
    path = tmp_path / "file"
    path.write_text("no port")
    with pytest.raises(TransportError, match="file"):
        SerialTransport(str(path), 115200)


def test_a_port_without_permission_says_so(tmp_path, monkeypatch):
    import serial

    def refuse(*arguments, **options):
        raise serial.SerialException(13, "could not open port: Permission denied")

    monkeypatch.setattr(serial, "Serial", refuse)
    with pytest.raises(TransportError, match="no permission.*dialout"):
        SerialTransport("/dev/ttyUSB0", 115200)
