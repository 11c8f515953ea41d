"""The pages, one file a concern; each handler parses, asks one question, renders."""
