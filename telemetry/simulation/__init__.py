"""A fleet that is not there: streets, vehicles that drive along them, and how they report."""
