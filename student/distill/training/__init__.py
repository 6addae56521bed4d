"""What every training run shares: device and precision, checkpoints."""
