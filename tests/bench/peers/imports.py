"""The least that a program of Typer and NumPy does."""

import numpy
import typer

print(numpy.__name__, typer.__name__)
