"""What every stage uses; it imports no stage."""
