from joygrpc.devnet.ledger.tables import Cell, Counter, GroupedTable, Journal, Table


def test_undo_goes_back_to_the_mark() -> None:
    journal = Journal()
    table: Table[int, str] = Table(journal, "P", "T")
    table[1] = "a"
    mark = journal.mark()
    table[1] = "b"
    table[2] = "c"
    del table[1]
    journal.undo(mark)
    assert dict(table.items()) == {1: "a"}


def test_commit_tells_each_changed_row_once_and_ends_undoing() -> None:
    journal = Journal()
    table: Table[int, str] = Table(journal, "P", "T")
    table[1] = "a"
    table[1] = "b"
    table[2] = "c"
    del table[2]
    assert [key for _, key in journal.commit()] == [1, 2]
    journal.undo(0)
    assert dict(table.items()) == {1: "b"}


def test_groups_follow_changes_and_undoing() -> None:
    journal = Journal()
    table: GroupedTable[str, int, str] = GroupedTable(journal, "P", "T")
    table["x", 1] = "a"
    mark = journal.mark()
    table["x", 2] = "b"
    del table["x", 1]
    table["y", 1] = "c"
    assert (table.group("x"), table.group("y")) == ([2], [1])
    journal.undo(mark)
    assert (table.group("x"), table.group("y")) == ([1], [])


def test_a_cell_has_a_default_until_it_is_set_and_none_removes_it() -> None:
    journal = Journal()
    cell: Cell[int | None] = Cell(journal, "P", "C", None)
    cell.value = 3
    assert cell.value == 3
    cell.value = None
    assert cell.value is None
    assert len(cell.table) == 0


def test_a_counter_gives_each_number_once_and_takes_back_what_is_undone() -> None:
    journal = Journal()
    counter = Counter(journal, "P", "N", first=1)
    assert [counter.take(), counter.take()] == [1, 2]
    mark = journal.mark()
    counter.take()
    journal.undo(mark)
    assert counter.value == 3
