"""Process 1, the front: owns the port; guards, redacts, normalises, appends, acknowledges and fans out."""
