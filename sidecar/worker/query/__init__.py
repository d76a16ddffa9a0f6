"""Questions to the store: read-only SQL of users, and the event list of the API."""
