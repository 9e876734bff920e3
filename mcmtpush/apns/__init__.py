"""Apple's languages as bytes and tables, without I/O."""
