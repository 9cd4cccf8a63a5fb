"""What the headers of image files say."""
