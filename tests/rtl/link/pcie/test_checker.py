"""The checker of completions: it takes right ones and refuses every planted fault."""

import copy

import pytest
from cocotbext.pcie.core.tlp import CplStatus, Tlp, TlpType
from cocotbext.pcie.core.utils import PcieId

from tests.rtl.link.pcie.packets import check_completions, dwords, request

COMPLETER = 0x0108
DATA = bytes(range(160))


def right_answers():
    """(request, completions): 40 DW from byte 0x63 of the BAR on, without the last two bytes."""
    asked = request(TlpType.MEM_READ, 0x60, 40, first_be=8, last_be=3)
    asked.tc, asked.attr = 5, 6
    answers, position = [], 3
    for start, stop in ((0, 32), (32, 160)):
        tlp = Tlp.create_completion_data_for_tlp(asked, PcieId.from_int(COMPLETER))
        tlp.byte_count, tlp.lower_address = 158 - position, (0x60 + position) % 128
        tlp.set_data(DATA[start:stop])
        answers.append(tlp)
        position = stop
    return asked, answers


def test_right_answers_pass():
    asked, answers = right_answers()
    check_completions(asked, [dwords(tlp) for tlp in answers], COMPLETER, DATA)


def fault(name, value, which=0):
    def plant(answers):
        setattr(answers[which], name, value)

    return pytest.param(plant, id=f"{name}-{which}")


def joined(answers):
    """One packet in place of two."""
    answers[0].set_data(DATA)
    del answers[1]


def split_early(answers):
    """The second packet in two, at 64 bytes."""
    tail = copy.deepcopy(answers[1])
    answers[1].set_data(DATA[32:96])
    tail.set_data(DATA[96:])
    tail.byte_count, tail.lower_address = 158 - 96, 64
    answers.append(tail)


def swapped_bytes(answers):
    answers[1].data[0:4] = answers[1].data[3::-1]


def missing(answers):
    del answers[1]


def exchanged(answers):
    answers.reverse()


@pytest.mark.parametrize(
    "plant",
    [
        fault("completer_id", PcieId.from_int(COMPLETER + 1)),
        fault("completer_id", PcieId.from_int(COMPLETER + 0x100), 1),
        fault("requester_id", PcieId.from_int(0)),
        fault("tag", 999 % 256),
        fault("tc", 0),
        fault("tc", 4, 1),
        fault("attr", 2),
        fault("attr", 4, 1),
        fault("byte_count", 160),
        fault("byte_count", 154),
        fault("byte_count", 128, 1),
        fault("lower_address", 0x60),
        fault("lower_address", 3, 1),
        fault("status", CplStatus.UR),
        fault("status", CplStatus.CA, 1),
        fault("fmt_type", TlpType.CPL_LOCKED_DATA),
        fault("bcm", True),
        fault("ep", True),
        fault("td", True, 1),
        joined,
        split_early,
        swapped_bytes,
        missing,
        exchanged,
    ],
)
def test_planted_faults_are_found(plant):
    asked, answers = right_answers()
    plant(answers)
    with pytest.raises(AssertionError):
        check_completions(asked, [dwords(tlp) for tlp in answers], COMPLETER, DATA)
