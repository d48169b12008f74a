"""Hostile inputs by the thousand: ``make fuzz``, and a slice of it in the default tests."""
