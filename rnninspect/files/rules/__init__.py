"""From names and shapes to layers, a rule for each family of frameworks. The stations, in order:

set_aside   an optimizer's tensors and averages of weights, which are no model's
left        the tensors that no rule has read yet, by prefix
one_layer   directions told by name, and what layers of one cell have in common
besides     what stands beside a layer's weights and takes part in its step
torch_factors, torch, cells, keras, onnx, tensorflow, haiku, flax, mxnet, coreml
            the rules
leftover    what looks recurrent and no rule has read
"""
