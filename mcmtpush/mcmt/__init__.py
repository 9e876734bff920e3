"""One multi-channel MIME message: its container and its push part."""
