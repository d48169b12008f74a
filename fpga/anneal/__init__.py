"""Simulated annealing of designs that nextpnr has placed on an ECP5, before it routes them."""
