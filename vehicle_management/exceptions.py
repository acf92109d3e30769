class VehicleConflict(Exception):
    """A vehicle's id or VIN is taken; tells nothing of the vehicle that has it."""
