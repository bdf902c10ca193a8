"""Shapes of convolutional layers, and convolutions run, at a shell prompt."""

__version__ = "0.1.0"
