"""Credentials: the certificates and keys a gateway proves itself with."""
