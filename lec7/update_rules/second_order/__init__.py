"""Second-order rules: quasi-Newton, Newton, and the line search they share."""
