"""Convolves an array into a chunked store, block by block."""
