"""Claude Code's hooks: which event is watched how, and how they come into its settings and leave them again."""
