"""Trainings by others, from the variables of lec7's models."""
