"""The Reward lab."""
