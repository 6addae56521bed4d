"""The center's side: its folder, enrollment, run recipes, rounds, publishing, reports, its Flower app."""
