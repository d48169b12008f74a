"""A Liberty library of a few cells whose energies are easy to add up by hand."""

TEXT = """
library (tiny) {
  capacitive_load_unit (1,pf);
  time_unit : "1ns";
  leakage_power_unit : "1nW";
  nom_voltage : 2.0;
  power_lut_template (grid) {
    variable_1 : total_output_net_capacitance;
    variable_2 : input_transition_time;
    index_1 ("0.0, 0.02");
    index_2 ("0.0, 0.2");
  }
  cell (INV) {
    area : 1; cell_leakage_power : 1.0;
    pin (A) { direction : input; capacitance : 0.010; }
    pin (Y) { direction : output; function : "!A";
      internal_power () { related_pin : "A";
        rise_power (scalar) { values ("0.1"); }
        fall_power (scalar) { values ("0.3"); } } }
  }
  cell (AND2) {
    area : 2; cell_leakage_power : 2.0;
    pin (A) { direction : input; capacitance : 0.010; }
    pin (B) { direction : input; capacitance : 0.020; }
    pin (Y) { direction : output; function : "(A B)";
      internal_power () { related_pin : "A";
        rise_power (grid) { values ("0.0, 0.2", "0.2, 0.4"); }
        fall_power (grid) { values ("0.0, 0.2", "0.2, 0.4"); } }
      internal_power () { related_pin : "B";
        power (scalar) { values ("0.6"); } } }
  }
  cell (XOR2) {
    area : 3; cell_leakage_power : 3.0;
    pin (A) { direction : input; capacitance : 0.030; }
    pin (B) { direction : input; capacitance : 0.030; }
    pin (Y) { direction : output; function : "A ^ B"; }
  }
  cell (DFF) {
    area : 5; cell_leakage_power : 5.0;
    ff (IQ, IQN) { next_state : "D"; clocked_on : "CLK"; }
    pin (CLK) { direction : input; capacitance : 0.004; clock : true;
      internal_power () { when : "D * Q"; rise_power (scalar) { values ("0.1"); } fall_power (scalar) { values ("0.2"); } }
      internal_power () { when : "!D * !Q"; rise_power (scalar) { values ("0.3"); } fall_power (scalar) { values ("0.4"); } }
      internal_power () { when : "D * !Q"; rise_power (scalar) { values ("9"); } fall_power (scalar) { values ("0.5"); } }
      internal_power () { when : "!D * Q"; rise_power (scalar) { values ("9"); } fall_power (scalar) { values ("0.6"); } } }
    pin (D) { direction : input; capacitance : 0.006;
      internal_power () { when : "CLK"; power (scalar) { values ("0.05"); } }
      internal_power () { when : "!CLK"; power (scalar) { values ("7"); } } }
    pin (Q) { direction : output; function : "IQ";
      internal_power () { related_pin : "CLK"; rise_power (scalar) { values ("1.0"); } fall_power (scalar) { values ("2.0"); } } }
  }
}
"""

TWO_OUTPUTS = (
    TEXT.rstrip()[:-1]
    + """
  cell (DFFQN) {
    ff (IQ, IQN) { next_state : "D"; clocked_on : "CLK"; }
    pin (CLK) { direction : input; capacitance : 0.004; clock : true; }
    pin (D) { direction : input; capacitance : 0.006; }
    pin (Q) { direction : output; function : "IQ"; }
    pin (QN) { direction : output; function : "IQN"; }
  }
}
"""
)
"""With a flip-flop that shows Q and not Q."""

GATED = (
    TEXT.rstrip()[:-1]
    + """
  cell (CLOCK_GATE) {
    area : 6; cell_leakage_power : 6.0; clock_gating_integrated_cell : "latch_posedge";
    pin (CK) { direction : input; capacitance : 0.005; clock_gate_clock_pin : true;
      internal_power () { rise_power (scalar) { values ("0.01"); } fall_power (scalar) { values ("0.03"); } } }
    pin (EN) { direction : input; capacitance : 0.002; clock_gate_enable_pin : true;
      internal_power () { power (scalar) { values ("0.07"); } } }
    pin (GCK) { direction : output; clock_gate_out_pin : true; state_function : "CK * held";
      internal_power () { related_pin : "CK"; rise_power (scalar) { values ("0.2"); } fall_power (scalar) { values ("0.4"); } } }
  }
}
"""
)
"""With a clock gate."""

LATCHED = (
    TEXT.rstrip()[:-1]
    + """
  cell (LATCH) {
    area : 4; cell_leakage_power : 4.0;
    latch (IQ, IQN) { data_in : "D"; enable : "CLK"; }
    pin (CLK) { direction : input; capacitance : 0.003; clock : true;
      internal_power () { power (scalar) { values ("0.02"); } } }
    pin (D) { direction : input; capacitance : 0.004; internal_power () { power (scalar) { values ("0.01"); } } }
    pin (Q) { direction : output; function : "IQ"; internal_power () { related_pin : "D"; power (scalar) { values ("0.5"); } } }
  }
}
"""
)
"""With a latch, of which a clock gate can be made."""


def with_buffer(text):
    """A library with a buffer too, which ABC wants."""
    return (
        text.rstrip()[:-1]
        + """
  cell (BUF) {
    area : 2; cell_leakage_power : 1.0;
    pin (A) { direction : input; capacitance : 0.010; }
    pin (Y) { direction : output; function : "A"; }
  }
}
"""
    )
