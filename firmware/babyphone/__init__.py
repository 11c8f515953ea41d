"""The babyphone: the climate and the sound of a room."""
