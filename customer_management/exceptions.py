class CustomerConflict(Exception):
    """A customer's external id is taken."""
