"""The two listeners: bytes in, a bounded query; a view, bytes out."""
