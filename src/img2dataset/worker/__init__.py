"""What one worker process does."""
