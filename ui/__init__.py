"""All that the pages share: the frame, cached loaders, background work, charts and parts."""
