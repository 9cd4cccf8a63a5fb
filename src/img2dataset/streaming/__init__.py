"""A list -> samples in the process that asks for them, as they arrive; nothing is stored."""
