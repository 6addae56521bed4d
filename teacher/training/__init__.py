"""Fine-tuning of a teacher on the center's data: recipe, data, model, loss, metrics, and the run itself.

The steps are those of `student.distill.training.loop`; accelerate spreads them over processes.
"""
