"""What several pages share: frame, choices, loaders, parts."""
