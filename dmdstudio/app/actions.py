"""Every action of the window with its words, shortcut and icon, in one place."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction, QKeySequence

from dmdstudio.app.icons import icon
from dmdstudio.app.theme import theme


@dataclass(frozen=True)
class ActionPlan:
    """What an action is called and how it is reached."""

    name: str
    text: str
    tip: str
    shortcut: str = ""
    icon: str = ""
    menu: str = ""


PLANS = (
    ActionPlan(
        "new", "New refinement…", "Begin with a structure: choose its file", "Ctrl+N", "", "File"
    ),
    ActionPlan(
        "pack", "Pack molecules…", "Begin with a box of molecules at random", "", "", "File"
    ),
    ActionPlan("open", "Open…", "Open a recipe, structure or data file", "Ctrl+O", "open", "File"),
    ActionPlan(
        "open_run", "Open run…", "Open the folder of an earlier run", "Ctrl+Shift+O", "", "File"
    ),
    ActionPlan("example", "Open example", "Open the argon example", "Ctrl+E", "", "File"),
    ActionPlan("save", "Save project", "Save recipe, runs and view", "Ctrl+S", "save", "File"),
    ActionPlan(
        "save_as", "Save project as…", "Save it under another name", "Ctrl+Shift+S", "", "File"
    ),
    ActionPlan("save_recipe", "Save recipe as…", "Write the recipe to a file", "", "", "File"),
    ActionPlan(
        "export", "Export…", "Write the refined potential", "Ctrl+Shift+E", "export", "File"
    ),
    ActionPlan(
        "report", "Report…", "Write the run on one page, as HTML or PDF", "Ctrl+Shift+P", "", "File"
    ),
    ActionPlan("home", "Start page", "Show the start page", "Ctrl+Home", "", "File"),
    ActionPlan("quit", "Quit", "Close the window; nothing is lost", "Ctrl+Q", "", "File"),
    ActionPlan("undo", "Undo", "Take back the last edit", "Ctrl+Z", "", "Edit"),
    ActionPlan("redo", "Redo", "Make the edit again", "Ctrl+Shift+Z", "", "Edit"),
    ActionPlan(
        "paste",
        "Paste data",
        "Take columns of numbers, or files, from the clipboard",
        "Ctrl+V",
        "",
        "Edit",
    ),
    ActionPlan(
        "data",
        "Data of the target…",
        "Show how the experiment in Compare is read, and correct it",
        "Ctrl+Shift+D",
        "",
        "Edit",
    ),
    ActionPlan("preferences", "Preferences…", "Theme, device and folders", "Ctrl+,", "", "Edit"),
    ActionPlan("run", "Run", "Start the refinement", "Ctrl+R", "run", "Run"),
    ActionPlan("pause", "Pause", "Wait after the piece of work in hand", "Ctrl+P", "pause", "Run"),
    ActionPlan(
        "stop",
        "Stop and keep",
        "End the run; every finished iteration is kept",
        "Ctrl+.",
        "stop",
        "Run",
    ),
    ActionPlan(
        "discard", "Stop and discard", "End the run and move it to the trash", "", "", "Run"
    ),
    ActionPlan(
        "queue",
        "Add to queue",
        "Run the recipe as it stands after the run under way",
        "Ctrl+Shift+Q",
        "",
        "Run",
    ),
    ActionPlan(
        "resume", "Resume", "Go on with the run that is shown", "Ctrl+Shift+R", "resume", "Run"
    ),
    ActionPlan(
        "check_gradient",
        "Check gradient",
        "Compare the gradient methods on the same starts",
        "Ctrl+G",
        "check",
        "Run",
    ),
    ActionPlan(
        "diagnose",
        "Diagnose",
        "Measure how far back the gradient can be trusted",
        "Ctrl+D",
        "diagnose",
        "Run",
    ),
    ActionPlan("compare", "Compare", "Show prediction and experiment", "Ctrl+1", "", "View"),
    ActionPlan("diffusion", "Diffusion", "Show the diffusion coefficient", "Ctrl+2", "", "View"),
    ActionPlan("loss", "Loss", "Show the loss", "Ctrl+3", "", "View"),
    ActionPlan("parameters", "Parameters", "Show the parameters", "Ctrl+4", "", "View"),
    ActionPlan("gradient", "Gradient", "Show how good the gradient is", "Ctrl+5", "", "View"),
    ActionPlan(
        "sensitivity",
        "Sensitivity",
        "Show which parameter moves which point",
        "Ctrl+6",
        "",
        "View",
    ),
    ActionPlan("structure", "Structure", "Show the atoms", "Ctrl+7", "", "View"),
    ActionPlan("log_axis", "Logarithmic loss", "Loss on a logarithmic axis", "Ctrl+L", "", "View"),
    ActionPlan("runs", "Runs", "Go to the list of runs", "F8", "", "View"),
    ActionPlan("edit_parameters", "Edit parameters", "Go to the parameter table", "F6", "", "View"),
    ActionPlan("edit_settings", "Edit settings", "Go to the settings", "F7", "", "View"),
    ActionPlan(
        "reset_structure", "Whole structure", "Look at the whole structure", "Alt+0", "", "View"
    ),
    ActionPlan("view_a", "View along a", "Look down the first lattice vector", "Alt+1", "", "View"),
    ActionPlan(
        "view_b", "View along b", "Look down the second lattice vector", "Alt+2", "", "View"
    ),
    ActionPlan("view_c", "View along c", "Look down the third lattice vector", "Alt+3", "", "View"),
    ActionPlan(
        "show_run_folder",
        "Show run folder",
        "Open the run's folder in the file manager",
        "",
        "",
        "Run",
    ),
    ActionPlan("help", "Help", "Explain what is on the screen", "F1", "", "Help"),
    ActionPlan(
        "palette", "Find action or setting…", "Find anything by a few letters", "Ctrl+K", "", "Help"
    ),
    ActionPlan("tour", "Tour", "Show what the parts of the window are for", "", "", "Help"),
    ActionPlan("shortcuts", "Keyboard shortcuts", "List all shortcuts", "Shift+F1", "", "Help"),
    ActionPlan("cite", "How to cite", "Show the reference of the method", "", "", "Help"),
)
MENUS = ("File", "Edit", "Run", "View", "Help")
TOOLBAR = (
    "open", "|", "run", "pause", "stop", "resume", "|", "check_gradient", "diagnose", "|", "export"
)  # fmt: skip
STRUCTURE_VIEWS = ("reset_structure", "view_a", "view_b", "view_c")
CHECKABLE = ("pause", "log_axis")


def make_actions(owner: QObject) -> dict[str, QAction]:
    """Return all actions, by name."""
    actions = {}
    for plan in PLANS:
        action = QAction(plan.text, owner)
        action.setObjectName(plan.name)
        action.setStatusTip(plan.tip)
        if plan.shortcut:
            action.setShortcut(QKeySequence(plan.shortcut))
            native = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
            action.setToolTip(f"{plan.tip} ({native})")
        else:
            action.setToolTip(plan.tip)
        action.setCheckable(plan.name in CHECKABLE)
        actions[plan.name] = action
    return actions


def paint_icons(actions: dict[str, QAction]) -> None:
    """Draw the icons in the colours of the theme."""
    colours = theme()
    for plan in PLANS:
        if plan.icon:
            colour = colours.on_accent if plan.name == "run" else colours.text
            actions[plan.name].setIcon(icon(plan.icon, colour, colours.faded))
