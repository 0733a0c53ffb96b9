"""What people enter: models that no machine can see, and inventories that exist already."""
