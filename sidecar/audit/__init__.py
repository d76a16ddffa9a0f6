"""The audit trail: who read or changed what, in files that only grow; each line vouches for the one before it."""
