"""The HTTP/2 half of the pretend Apple: what it thinks, without I/O."""
