"""Who is next, and when."""
