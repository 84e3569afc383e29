"""The experiments: one question a file, and the file has the experiment's name."""
