"""Inputs: arrays in memory or on a stream, read box by box."""
