"""Several runs of one recipe that differ in a stated way, under equal conditions: which one for my data?"""
