"""The commands of `leanvibe`: each file one command, a thin shell that asks, prints and exits."""
