"""What a build is held to: budgets, a lock, and the base of a branch. The stations, in order:

locked              what is kept of a model: its settings, its layers, their counts and weights
found               the layers of a checkpoint as one model
lock, lock_lines    `rnninspect.lock`, written whole under a lock of its folder, and its text; where it is found
base                the models at a revision of git, in its place; against is either
changes             what differs between two states of a model
check               a budget and changes held against what is allowed: a verdict for each model
causes              why a model is not as it was, a sentence for each layer whose own settings changed
weights             a model held against a checkpoint, tensor by tensor
findings, rules     what a check complains of, each with its place, and the rules that it names
whole, likeness     what is wrong with the lock itself, and what it has like a model that it lacks
fit                 the other way round: from a budget to the largest size
"""
