"""Averages of the parameters, kept beside any update rule."""
