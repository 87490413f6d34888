"""A torch module of the user's own: its recurrent layers, by what was seen of one forward pass. The stations, in order:

arguments   which modules of a model are torch's recurrent ones, and what they were built with
inputs      what the user names, sizes or tensors, to what a forward is called with
watch       one forward pass, with a hook on every recurrent layer, after which the model is as it was before
parameters  a module's own parameters: those of the plan, by name, and what else there is, counted by torch
layers      arguments and what was seen to a layer of ours, its plan, and where the module differs from it
records     what was seen of a layer's calls, and what is known of the model and its layers
tables, page
            what is printed of that: for people and for scripts, and in Python
weights     a layer verified with its own weights; `timing`: timed at its real input
result      what comes back
look        a module to what comes back of it, run once or not at all: what `api` calls; a sentence for each module
            that looks recurrent and is none of torch's
accepted    what `check_module` holds a module against: a budget, and its entry in a lock
"""
