"""Compares the service with its lower bound and with a peer. scripts/bench is the command and explains the options."""
