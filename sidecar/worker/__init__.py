"""Process 2, the worker: everything that can be slow, large or broken. It reads the journal and never writes it."""
