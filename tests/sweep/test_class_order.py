"""What a label means to a network and to a data set."""

from pathlib import Path

import pytest

from robustbench_ln import LnbenchError
from robustbench_ln.data.dataset import DataInfo, DataSet
from robustbench_ln.store.stored import StoredModel
from robustbench_ln.sweep.class_order import check_classes, class_note


def data(*classes):
    return DataSet(DataInfo("folder:x", (3, 8, 8), classes, {}), Path("x"), "folder:x", 8)


def model(names, classes=3):
    return StoredModel("net.r.w", None, {"class_names": names, "recipe": {"classes": classes}})


def test_equal_names_in_equal_order_pass_and_need_no_word():
    check_classes(model(["a", "b", "c"]), data("a", "b", "c"))
    assert class_note(model(["a", "b", "c"]), data("a", "b", "c")) == ""


def test_another_order_says_where_and_how_folders_are_numbered():
    with pytest.raises(LnbenchError, match=r"output 0 is 'dog', but class 0 of the data is 'ant'") as caught:
        check_classes(model(["dog", "ant", "cat"]), data("ant", "cat", "dog"))
    assert "alphabetical order" in caught.value.hint


def test_other_names_are_named():
    with pytest.raises(LnbenchError, match=r"other classes.*: c, d"):
        check_classes(model(["a", "b", "c"]), data("a", "b", "d"))


def test_where_no_names_tell_the_order_taken_is_told():
    note = class_note(model(None), data("ant", "bee", "cat"))
    assert "0 is 'ant', 1 is 'bee', 2 is 'cat'" in note
    two = class_note(model(None, 2), data("ant", "bee"))
    assert two.endswith("0 is 'ant', 1 is 'bee'.")
    numbers = tuple(sorted(map(str, range(12))))
    assert "'10' is class 2" in class_note(model(None, 12), data(*numbers))
    assert "is class 2" not in class_note(model(None, 10), data(*map(str, range(10))))
