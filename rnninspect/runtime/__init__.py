"""Where torch is: modules built on a device, their first values, and the facts read back from what was run."""
