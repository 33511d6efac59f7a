"""Loggers and callbacks for training frameworks, in the form that each framework asks for.

There is a module for each framework, which imports it, so a program imports the module only if it
uses the framework. What they have in common is in `training_run`. docs/integrations.md has a
program for each, with the lowest version that is supported.
"""
