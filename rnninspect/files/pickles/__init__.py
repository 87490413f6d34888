"""A pickle as inert records: nothing in it is called, imported or looked up. The stations, in order:

records     what a pickle becomes
bytes, texts, state, operations
            its bytes as they are needed, its texts, what the machine holds, what each opcode does to that
machine     a pickle run to its end
inside, calls
            pickles in a pickle; which of what it calls runs things
walk, gathered
            the tensors and modules in it, by their names
"""
