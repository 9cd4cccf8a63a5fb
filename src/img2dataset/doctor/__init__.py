"""This machine and the options of a run -> what to change before the run (`img2dataset doctor`)."""
