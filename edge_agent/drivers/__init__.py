"""Drivers: host-side stations, each of which knows one kind of device."""
