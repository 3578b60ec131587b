"""What a new version of a protocol changes: in its words, for its worked patients, and for all patients."""
