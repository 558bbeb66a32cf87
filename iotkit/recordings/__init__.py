"""Recordings: what a device's attributes and events did, in a file (docs/recordings.md)."""
