"""Program files: read back as they were written, and refused with a reason."""

import dataclasses

import numpy as np
import pytest

from volley.firmware import program as programs
from volley.firmware.compiler.program import compile_model
from volley.firmware.design import Design
from volley.firmware.network_text import network
from volley.firmware.program import SIGNATURE, VERSION, ProgramFileError, from_bytes

DESIGN = Design(ci=4, co=2, weight_words=32, param_words=12)


@pytest.fixture(scope="module")
def program():
    return compile_model(network("12C3-10C3-P2-10", (1, 12, 12)), DESIGN)


def test_a_file_holds_the_whole_program(program, tmp_path):
    program.save(tmp_path / "p.program")
    found = programs.load(tmp_path / "p.program")
    assert program.segments and found.layers[0].map and found.layers[-1].map is None
    for field in dataclasses.fields(program):
        if field.name in ("sections", "streamed"):
            pairs = zip(getattr(found, field.name), getattr(program, field.name), strict=True)
            for (start, words), (wanted_start, wanted) in pairs:
                assert start == wanted_start and np.array_equal(words, wanted)
        else:
            assert getattr(found, field.name) == getattr(program, field.name), field.name


def test_the_readout_has_no_map(program):
    with pytest.raises(ValueError, match="fc1 is the readout"):
        _ = program.layers[-1].spikes


@pytest.mark.parametrize(
    "change, told",
    [
        (lambda data: b"PK" + data[2:], "starts with b'PKLLEY"),
        (lambda data: data[:10], "10 bytes, a program has at least 20"),
        (lambda data: data[:-4], "its header says"),
        (lambda data: data[:-1] + bytes([data[-1] ^ 1]), "its CRC-32 does not match"),
        (
            lambda data: SIGNATURE + bytes([VERSION - 1]) + data[8:],
            f"of format {VERSION - 1}, this version of Volley reads format {VERSION}; compile",
        ),
    ],
)
def test_what_is_no_program_says_why(program, change, told):
    with pytest.raises(ProgramFileError, match=told):
        from_bytes(change(program.to_bytes()), "p.program")
