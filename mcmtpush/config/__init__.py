"""The configuration language: text to typed settings, without I/O."""
