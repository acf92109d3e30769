class UploadIsNotResting(Exception):
    """What is asked does not fit the upload's status; the message says which status would do."""


class UploadTooLarge(Exception):
    """More bytes than the installation takes."""
