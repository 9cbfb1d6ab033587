"""The service measured beside its bound and a peer. Must hold no code: scripts/bench is the command, and says more."""
