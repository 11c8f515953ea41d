"""What stands between a chip and the world: mechanics, pneumatics, rooms, sound, buttons. Physics with its source in each file."""
