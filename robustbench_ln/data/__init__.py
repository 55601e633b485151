"""Image data: decoded once to uint8 arrays on disk, opened by memory map ever after."""
