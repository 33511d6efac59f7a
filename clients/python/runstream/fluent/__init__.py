"""The functions of `runstream`, which log to the run that is active where they are called."""
