from trio_sts.tools.problems import NO_NODE, public_warnings


def test_problems_are_counted_by_sort_and_their_details_kept_back() -> None:
    problems = [
        f"/srv/tools/one.js: {NO_NODE}",
        f"/srv/tools/two.js: {NO_NODE}",
        "/srv/tools/crm.py: cannot be imported: KeyError: 'hunter2'",
    ]
    assert list(public_warnings(problems)) == [
        f"2 .js files are {NO_NODE}",
        "there is a problem with tool files; the log and `trio-sts tools` tell more",
    ]


def test_where_nothing_is_wrong_nothing_is_said() -> None:
    assert list(public_warnings([])) == []
