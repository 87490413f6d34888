"""One file for each layer kind, and what they share. The stations, in order:

fields, signal         the types of a layer's values; what flows from one layer to the next
layer                  what every kind answers for itself
recurrent, families    what follows from a cell's equations; the layers that run over a sequence, and single cells
costs                  what running them takes, over steps, directions and stacked layers
feeding                what goes on to the next layer where it is worked out from the output
joining                what is read of several signals, what is added, and last states that are another's first
weights                from a cell's packs to the parameters of a module
laws, symbol_laws      the `init` block: first values by other laws than torch's
rnn, lstm, gru, jordan                               the recurrent kinds: their equations, and little else
definition, defined                                  the kind whose equations a document or the library says
pointwise, embedding, linear, layer_norm, batch_norm, dropout, activations    the others
window, convolution, pooling                         what slides a window over L, and so changes L
registry               every kind, by its `type`
"""
