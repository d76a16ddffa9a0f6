"""The live page: its files, its one-time links, its cookie."""
