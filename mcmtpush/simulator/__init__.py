"""A pretend Apple, shipped to users."""
