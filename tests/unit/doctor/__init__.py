"""Tests of img2dataset.doctor."""
