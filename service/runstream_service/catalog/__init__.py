"""What there is: experiments, runs, datasets, logged models and artifacts."""
