"""lec7 beside its peers: the same work, weights and data, in turn, in one process."""
