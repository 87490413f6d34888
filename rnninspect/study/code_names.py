"""What layers, inputs and states are called in Python: as attributes of the module, and in its `forward`."""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping
from typing import NamedTuple

from rnninspect.document.chain import INPUT, Spec
from rnninspect.layers.recurrent import Recurrent

# What no layer is called here: what torch.nn.Module has itself, and what stands in `forward`.
TAKEN = frozenset(
    re.findall(
        r"\w+",
        """
        c h lengths nn output outputs part parts states torch x y
        T_destination add_module apply bfloat16 buffers call_super_init children compile cpu cuda double dump_patches
        eval extra_repr float forward get_buffer get_extra_state get_parameter get_submodule half ipu load_state_dict
        modules mtia named_buffers named_children named_modules named_parameters parameters register_backward_hook
        register_buffer register_forward_hook register_forward_pre_hook register_full_backward_hook
        register_full_backward_pre_hook register_load_state_dict_post_hook register_load_state_dict_pre_hook
        register_module register_parameter register_state_dict_post_hook register_state_dict_pre_hook requires_grad_
        set_extra_state set_submodule share_memory state_dict to to_empty train training type xpu zero_grad
        """,
    )
)
# What else stands in the script.
_BESIDE = ("Model", "c_rest", "h_rest", "int", "n", "print", "state", "super", "tuple", "x_steps", "x_t")


def attributes(spec: Spec) -> dict[str, str]:
    """What each layer is called as an attribute: its name, where Python and torch let it be called so."""
    names: dict[str, str] = {}
    for number, link in enumerate(spec.links):
        name = _sound(link.layer.name, f"layer_{number}")
        while name in names.values():
            name += "_"
        names[link.layer.name] = name
    return names


class Locals(NamedTuple):
    """What stands in `forward` for what the inputs are and the layers hand on.

    values: by input or layer; "x" where only the next layer reads it, "_" where nobody does. lengths: by input, those
    of a packed one. states: by layer its last states; firsts: its first ones, where another layer hands them over.
    """

    values: Mapping[str, str]
    lengths: Mapping[str, str]
    states: Mapping[str, tuple[str, ...]]
    firsts: Mapping[str, tuple[str, ...]]


def locals_of(spec: Spec, names: Mapping[str, str]) -> Locals:
    """Names that differ from each other, and from those of the attributes, `names`, which a page has beside them."""
    taken = {*TAKEN, *_BESIDE, *names.values()}

    def free(name: str) -> str:
        while name in taken or f"{name}_steps" in taken:
            name += "_"
        taken.add(name)
        return name

    uses = _uses(spec)
    inputs = {
        each.name: "x" if each.name == INPUT and uses[INPUT] in ([], [0]) else free(_sound(each.name, f"input_{k}"))
        for k, each in enumerate(spec.inputs)
    }
    values = {}
    for k, link in enumerate(spec.links):
        name, read = link.layer.name, uses[link.layer.name]
        values[name] = "_" if not read else "x" if read == [k + 1] else free(f"{names[name]}_out")
    recurrent = [(link.layer, link.wires) for link in spec.links if isinstance(link.layer, Recurrent)]
    states, firsts = {}, {}
    for layer, wires in recurrent:
        prefix = f"{names[layer.name]}_" * (len(recurrent) > 1)
        states[layer.name] = tuple(free(f"{prefix}{state}_n") for state in layer.cell.states)
        if wires.state_from:
            firsts[layer.name] = tuple(free(f"{prefix}{state}_0") for state in layer.cell.states)
    packed = [each.name for each in spec.inputs if each.signal.batch.lengths is not None and "T" in each.signal.axes]
    alone = len(spec.inputs) == 1
    lengths = {name: "lengths" if alone else free(f"{inputs[name]}_lengths") for name in packed}
    return Locals(values=inputs | values, lengths=lengths, states=states, firsts=firsts)


def _uses(spec: Spec) -> dict[str, list[int]]:
    """By input and layer the numbers of the layers that read it or add it, after the last that of what is returned.

    What is added, or returned beside others, counts as never being the next one's: it needs a name of its own.
    """
    uses: dict[str, list[int]] = {each.name: [] for each in spec.inputs}
    uses |= {link.layer.name: [] for link in spec.links}
    for k, link in enumerate(spec.links):
        for name in link.wires.reads:
            uses[name].append(k)
        if link.wires.add not in ("", INPUT):
            uses[link.wires.add].append(-1)
    for name in spec.returns:
        uses[name].append(len(spec.links) if len(spec.returns) == 1 else -1)
    return uses


def _sound(name: str, otherwise: str) -> str:
    """A name as Python and torch let it be, or another."""
    name = name.replace("-", "_")
    sound = re.fullmatch(r"[A-Za-z]\w*", name, re.ASCII) and not keyword.iskeyword(name) and name not in TAKEN
    return name if sound else otherwise
