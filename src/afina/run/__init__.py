"""Run floor: the composition root; recipe in, result out. The only place that knows every ingredient."""
