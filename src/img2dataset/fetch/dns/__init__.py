"""Names -> addresses."""
