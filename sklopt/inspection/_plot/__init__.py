"""Displays: data taken from fitted estimators, and how it is drawn."""
