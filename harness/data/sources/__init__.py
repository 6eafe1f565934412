"""What dataset plugins share: folders, tables, names and mask grids."""
