"""What can be wrong with an installation: each check gives findings, each finding says what to do."""
