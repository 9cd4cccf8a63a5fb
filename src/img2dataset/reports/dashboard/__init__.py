"""What a run did so far -> a page on this machine that shows it while it goes on."""
