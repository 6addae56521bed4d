"""Going on from a bundle: its weights as a float student, and the bundle of that student once it was trained on."""
