"""Training: plan which networks are asked for, train those that are missing."""
