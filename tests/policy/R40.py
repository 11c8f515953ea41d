"""R40: the rules hold for the devices and the gateway too."""

UNTESTABLE = "Where rules apply is said, not done; what they promise of devices and gateway is tested in those folders."
