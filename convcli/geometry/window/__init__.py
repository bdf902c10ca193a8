"""A window on one axis: its output size, what it reads, and the rules it must keep."""
