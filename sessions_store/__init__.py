"""Which assistant serves a device."""
