"""The signed release: its format, its files and signature, and the bundle made from it. Needs no torch or Flower."""
