"""Models floor: a base becomes a network with known blocks and a head. Knows no task's loss."""
