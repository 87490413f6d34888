"""How each framework packs the same weights. The stations, in order:

packing     what a convention is: the symbols of the equations, and where they stand in a stored tensor
frameworks  the record of each framework
"""
