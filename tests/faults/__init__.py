"""Campaigns against the real command: damaged inputs, odd commands, signals, full disks, names."""
