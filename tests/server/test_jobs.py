import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from greentrip_networks.errors import UnknownNameError
from greentrip_server.database import open_database
from greentrip_server.errors import StateError
from greentrip_server.jobs import Jobs
from greentrip_server.kinds import RUNS
from greentrip_server.tables import QUEUED, RUNNING, Base, JobRow
from sqlalchemy import Engine, text


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = open_database(tmp_path / "db.sqlite")
    yield made
    made.dispose()


def row(**changes: object) -> JobRow:
    values = {
        "kind": RUNS,
        "parent": "networks/tiny",
        "input": {},
        "input_hash": "x",
        "request_hash": "abc",
        "state": QUEUED,
    }
    values |= {
        "attempt": 0,
        "lease_owner": "",
        "lease_until": 0.0,
        "progress": {},
        "created": time.time(),
        "request_id": None,
    }
    return JobRow(**{**values, **changes})


def test_migrations_make_the_tables_of_the_model(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_a_newer_database_is_refused_with_the_reason(tmp_path: Path) -> None:
    first = open_database(tmp_path / "db.sqlite")
    with first.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    first.dispose()
    with pytest.raises(StateError, match="another version"):
        open_database(tmp_path / "db.sqlite")


def test_a_job_is_claimed_once_in_order(engine: Engine) -> None:
    one, two = Jobs(engine), Jobs(engine)
    for name in ("a", "b"):
        one.add(row(), name, "run_id")
    claimed = [one.claim(60), two.claim(60), one.claim(60)]
    assert [c and c.id for c in claimed] == ["a", "b", None]


def test_a_lease_that_ran_out_is_claimed_by_another_and_lost_to_the_first(engine: Engine) -> None:
    one, two = Jobs(engine), Jobs(engine)
    one.add(row(), "a", "run_id")
    first = one.claim(-1)
    second = two.claim(60)
    assert first is not None
    assert second is not None
    assert (first.number, second.attempt) == (second.number, 2)
    assert not one.renew(first.number, 60, {})
    assert not one.succeed(first.number, {}, {})
    assert two.succeed(second.number, {}, {})


def test_jobs_of_a_former_owner_are_queued_again(engine: Engine) -> None:
    one, two = Jobs(engine), Jobs(engine)
    made = one.add(row(), "a", "run_id")
    one.claim(60)
    assert one.requeue_lost() == 0
    assert two.requeue_lost() == 1
    assert two.get(JobRow, f"{RUNS}/{made.id}", RUNS).state == QUEUED


def test_a_cancelled_job_cannot_succeed(engine: Engine) -> None:
    jobs = Jobs(engine)
    jobs.add(row(), "a", "run_id")
    claimed = jobs.claim(60)
    assert claimed is not None
    assert claimed.state == RUNNING
    assert jobs.cancel(claimed.number)
    assert not jobs.succeed(claimed.number, {}, {})
    assert not jobs.cancel(claimed.number)


def test_a_number_that_json_does_not_have_is_kept(engine: Engine) -> None:
    jobs = Jobs(engine)
    made = jobs.add(row(input={"gap": float("inf"), "days": [{"drift": float("-inf")}, 1.5]}), "a", "run_id")
    held = jobs.get(JobRow, f"{RUNS}/{made.id}", RUNS).input
    assert held == {"gap": float("inf"), "days": [{"drift": float("-inf")}, 1.5]}
    with engine.connect() as connection:
        assert "Infinity" not in connection.execute(text("SELECT input FROM jobs")).scalar_one()


def test_names_from_the_same_content_are_told_apart(engine: Engine) -> None:
    jobs = Jobs(engine)
    assert [jobs.add(row(), "", "run_id").id for _ in range(3)] == ["abc", "abc-2", "abc-3"]


def test_a_row_is_remembered_until_it_is_written_itself(engine: Engine) -> None:
    jobs = Jobs(engine)
    first, second = (jobs.add(row(request_hash=name), name, "run_id") for name in ("one", "two"))
    held = jobs.get(JobRow, "runs/one", RUNS)
    assert jobs.known(JobRow, "runs/one", RUNS) is held
    jobs.update(JobRow, "runs/two", RUNS, "", {"description": "another"})
    jobs.cancel(second.number)
    assert jobs.known(JobRow, "runs/one", RUNS) is held
    jobs.update(JobRow, "runs/one", RUNS, "", {"description": "changed"})
    assert jobs.known(JobRow, "runs/one", RUNS) is None
    assert jobs.get(JobRow, "runs/one", RUNS).description == "changed"
    jobs.cancel(first.number)
    assert jobs.get(JobRow, "runs/one", RUNS).state == "cancelled"
    jobs.delete(jobs.get(JobRow, "runs/one", RUNS))
    with pytest.raises(UnknownNameError):
        jobs.get(JobRow, "runs/one", RUNS)


def test_many_writers_take_turns_and_all_get_theirs(engine: Engine) -> None:
    jobs = Jobs(engine)

    def write(i: int) -> None:
        for j in range(5):
            jobs.add(row(request_hash=f"{i}-{j}"), f"w{i}-{j}", "run_id")

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(write, range(16)))
    assert jobs.count_by_state() == [(RUNS, QUEUED, 80)]


def test_a_retry_of_what_was_deleted_meanwhile_is_not_found(engine: Engine) -> None:
    jobs = Jobs(engine)
    made = jobs.add(row(), "gone", "run_id")
    jobs.cancel(made.number)
    jobs.delete(made)
    with pytest.raises(UnknownNameError):
        jobs.retry(made.number)
    jobs.lose(made.number, {"message": "its folder is gone"})
