"""Checkpoints: the recurrent layers of a file, without what wrote it. The stations, in order:

source      any part of a file's bytes, and never more than is asked for
held        what a file holds: the records that every reader fills
sniff       what a file is, by its first and last bytes; `refused` and `protobuf_kind` say it of some, `zips` opens zip
read        from a path to what is held, by one of the readers
safetensors, shards: the readers of safetensors, and of a checkpoint in several files
protobuf    the fields of a protobuf message, where they lie
own_names   names that no other has
beside      the files that hold the values of a model: whether they are there
onnx        the reader of ONNX: `onnx_tensors` and `onnx_graph` read the parts, `onnx_origins` follows weights back
tensorflow  the reader of TensorFlow: `tf_checkpoint` of an index, which is a `tf_table`; `tf_graph` of a graph;
            `tf_tensors` of shapes
coreml      the reader of CoreML: `coreml_layers` of a network's recurrent layers, `coreml_program` of an ML program
npz, tar    the readers of numpy's arrays, and of the one checkpoint in a tar
pickle_records, pickle_bytes, pickle_texts, pickle_state, pickle_operations, pickle_machine
            a pickle as inert records: nothing in it is called
pickles_inside, pickle_calls
            pickles in a pickle; which of what it calls runs things
pickle_walk, pickle_held, torch_tensors
            the tensors and modules in it, by their names
script_options, torch_zip, torch_legacy, numpy_arrays, pickles
            checkpoints of torch's: zip archives, TorchScript, what came before; pickles of arrays
hdf5        the reader of HDF5, with h5py, which reads a `hdf5_stream`: `keras_config` and `keras_roles` read what Keras
            says of its layers
found       a recurrent layer as it was found: what it is, its tensors, how that is known
left        the tensors that no rule has read yet, by prefix
set_aside   an optimizer's tensors and averages of weights, which are no model's
rules_*     names and shapes to layers, a family each: rules_torch, rules_torch_factors, rules_cells,
            rules_keras, rules_onnx, rules_tensorflow, rules_haiku, rules_flax, rules_mxnet, rules_coreml;
            `directions` are told by name, and `one_layer` has what layers of one cell have in common
leftover    what looks recurrent and no rule has read; `numbered` is what has numbers for names
identify    which layers a file holds, by all of these
variants    from a layer that was found to one of ours, with its equations
agreement   its plan, packed as the convention says, against the file's own tensors
look        from a path to its layers, each held against its plan
models      each layer as a model of its own, for what takes a plan alone
written     a layer as a document that rebuilds it
fits        a checkpoint's tensors beside those of a document's model; `misfits` says why they do not fit
"""
