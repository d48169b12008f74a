"""Energy of a netlist of standard cells: Liberty files, synthesis, simulation at gate level, sums."""
