"""Compiled kernels: formulas as small functions, and the loop that runs them.

Imports numpy, numba and math only.
"""
