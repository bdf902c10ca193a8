"""The command `run`: convolves arrays block by block and reports on them."""
