"""The readers, one for each format: from a file's bytes to what it holds. The stations, in order:

own_names   names that no other has
tensors     which numbers are sizes, and how much room elements take
beside      the files that hold the values of a model: whether they are there
zips        the directory of a zip archive
safetensors, shards         safetensors, and a checkpoint in several files
torch_tensors, torch_zip, torch_legacy
                            torch's: zip archives, TorchScript, what came before
numpy_arrays, npz, pickles  numpy's arrays by their headers; pickles of arrays
tar         the one checkpoint in a tar
hdf5_stream, keras_config, keras_roles, hdf5
                            HDF5, with h5py, and what Keras says of its layers
protobuf    the fields of a protobuf message, where they lie
onnx_tensors, onnx_graph, onnx_origins, onnx
                            ONNX: the parts, weights followed back to where they come from, the whole
tf_tensors, tf_table, tf_graph, tensorflow
                            TensorFlow: shapes, the index of a checkpoint, a graph, and both as the whole
coreml_layers, coreml_program, coreml
                            CoreML: a network's recurrent layers, an ML program, the whole
"""
