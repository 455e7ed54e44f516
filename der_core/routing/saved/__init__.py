"""What is kept of a training: the trained router, its manifest and its file."""
