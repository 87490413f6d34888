"""A cell drawn from its equations, whatever they are; a layer step by step; a whole model. The stations, in order:

texts, terms         symbols set in pieces, and how wide they are; sums and products of any number of parts
graph, gates         nodes and who reads what whom they compute; made from a cell's tree: a node a gate, or an operation
columns, order       in which column each node stands; what stands above what, so that few wires cross
boxes, heights       how large each is, and where its wires meet it; how far down it stands
channels, plans      the wires between two columns; ways to lay out a cell, of which the best is drawn
layout, scene        everything in its place; what that is made of
style, svg           colours and fonts, light and dark; the picture as SVG
mermaid              the same graph for Markdown, with the places left to whoever draws it
cell                 the picture of a layer's cell, also in words, for who does not see it: what the commands call
flow                 a layer as it is unrolled: another
folding, model_graph layers alike that are shown once; a model's layers as a graph
rows, downwards      in which row each layer stands; everything in its place, from above to below
model                the picture of a model, and its flowchart
"""
