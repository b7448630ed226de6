"""Models floor: a base becomes a network with known blocks and a head; loading, structure, saving. Knows no task's loss."""
