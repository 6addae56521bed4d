"""The signed release: its format, its signature, and the bundle made from it. Needs neither torch nor Flower."""
