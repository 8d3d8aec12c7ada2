"""Vendor profiles: what is done differently with machines of some vendors. See `loading` and `quirks`."""

from edge_agent.drivers.sas.vendors.loading import vendor_names, vendors_of
from edge_agent.drivers.sas.vendors.quirks import NO_QUIRKS, NO_VENDORS, Quirks, Vendor, Vendors

__all__ = [
    "NO_QUIRKS",
    "NO_VENDORS",
    "Quirks",
    "Vendor",
    "Vendors",
    "vendor_names",
    "vendors_of",
]
