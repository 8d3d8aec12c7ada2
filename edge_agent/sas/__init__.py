"""SAS 6.02 and 6.03, both ends of the line, as pure state: bytes and time are arguments."""
