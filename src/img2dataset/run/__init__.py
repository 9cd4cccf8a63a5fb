"""A whole run, in the parent process."""
