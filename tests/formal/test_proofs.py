"""The proofs hold, and a fault that is planted into a block makes its proof fail."""

import pytest

from tests.formal.proofs import PROOFS
from tests.formal.prover import resolve, smt2_model

QUICK = ("bus_arbiter", "cobs_decode", "cobs_idle", "executor_ends")
proofs = [
    pytest.param(proof, id=proof.name, marks=() if proof.name in QUICK else pytest.mark.slow)
    for proof in PROOFS
]
faults = [
    pytest.param(
        proof, fault, id=f"{proof.name}-{number}",
        marks=() if proof.name in QUICK and not number else pytest.mark.slow,
    )
    for proof in PROOFS
    for number, fault in enumerate(proof.faults)
]  # fmt: skip


@pytest.mark.yosys
@pytest.mark.bitwuzla
@pytest.mark.parametrize("proof", proofs)
def test_holds(proof):
    outcomes = proof.outcomes()
    assert all(outcome.holds for outcome in outcomes), outcomes[-1].trace


@pytest.mark.yosys
@pytest.mark.bitwuzla
@pytest.mark.parametrize(("proof", "fault"), faults)
def test_a_planted_fault_is_found(proof, fault):
    assert not proof.outcomes(fault)[-1].holds


VERILOG = "module dut (clk);\ninput clk;\nreg [3:0] count0_step = 0;\nendmodule\n"


@pytest.mark.yosys
def test_a_name_that_the_block_has_is_refused():
    with pytest.raises(ValueError, match="that the block has too: count0_step"):
        smt2_model(VERILOG, "reg count0_step;")


@pytest.mark.yosys
def test_a_name_that_nobody_has_is_refused():
    with pytest.raises(ValueError, match="nowhere"):
        smt2_model(VERILOG, "always @* assert (nowhere == 0);")


def test_names_of_instances_are_found():
    assert resolve("assert (step == 0);", VERILOG) == "assert (count0_step == 0);"
    assert resolve("reg step;", VERILOG) == "reg step;"
