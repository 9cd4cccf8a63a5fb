"""Stores elsewhere, as processes on this machine: S3, sftp; and what goes wrong on the way."""
