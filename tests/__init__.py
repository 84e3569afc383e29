"""Tests of lec7; folders and files are named as what they test."""
