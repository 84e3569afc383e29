"""Which update rule, noise and regulariser find which minimum, and is it flat?"""
