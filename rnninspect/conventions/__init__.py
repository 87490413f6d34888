"""How each framework packs the same weights. The stations, in order:

packing     what a convention is: the symbols of the equations, and where they stand in a stored tensor
frameworks  the record of each framework
torch_layer what a translation needs of a layer of torch's
target      what a framework is that a layer is translated into: what the layer is there, what its tensors are called
libraries, engines
            those frameworks: whose layers are made in Python; which run layers that were made elsewhere
elsewhere   all of them by name
places      where each gate stands in a tensor
translate   a layer in another framework, and whether that is exact
python      the lines of numpy that make its weights there of torch's
"""
