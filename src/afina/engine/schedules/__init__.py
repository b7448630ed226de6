"""Learning-rate schedules, one file each: a `Config` and a `build` that returns a function of the step."""
