"""Fine-tuning a teacher on the center's data: recipe, model, losses, metrics, the run itself."""
