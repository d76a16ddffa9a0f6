"""Live: redacted events to WebSocket clients as they become durable, from memory, never waiting for anyone."""
