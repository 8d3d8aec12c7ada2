"""The identity store: one identity is current, whatever is under way, and whenever the power goes."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from edge_agent.credentials.identity import Generation, IdentityStore, Issued, Phase
from edge_agent.errors import CredentialError, InUseError
from edge_agent.testing.power_cut import PowerCut, PowerCutDisk, QuickDisk

KEY = b"the key"
ISSUED = Issued("1f" * 32, "the certificate", "the token")


@pytest.fixture
def store(tmp_path: Path) -> IdentityStore:
    return IdentityStore(tmp_path / "identity", QuickDisk())


def make(store: IdentityStore) -> Generation:
    """A generation taken through every phase, as an operation does it."""
    with store.lock():
        generation = store.begin()
        if generation.phase is Phase.EMPTY:
            store.keep_key(generation, KEY)
        if generation.phase is Phase.KEYED:
            store.keep_request(generation, b"the request")
        if generation.phase is Phase.REQUESTED:
            store.keep_issued(generation, ISSUED)
        if generation.phase is Phase.ISSUED:
            store.keep_registration(generation, "gw-07")
        store.switch(generation)
    return generation


def test_an_empty_store_has_no_identity(store: IdentityStore) -> None:
    assert (store.current(), store.version(), store.pending(), store.generations()) == (None, "", None, ())


def test_phases_follow_from_the_files(store: IdentityStore) -> None:
    phases = []
    with store.lock():
        generation = store.begin()
        phases.append(generation.phase)
        store.keep_key(generation, KEY)
        phases.append(generation.phase)
        store.keep_request(generation, b"the request")
        phases.append(generation.phase)
        store.keep_issued(generation, ISSUED)
        phases.append(generation.phase)
        store.keep_registration(generation, "gw-07")
        phases.append(generation.phase)
        store.switch(generation)
        store.confirm()
        phases.append(generation.phase)

    assert phases == list(Phase)


def test_everything_is_for_the_agent_alone(store: IdentityStore) -> None:
    make(store)

    modes = {
        path.relative_to(store.folder).as_posix(): stat.S_IMODE(path.lstat().st_mode)
        for path in (store.folder, *store.folder.rglob("*"))
        if not path.is_symlink()
    }

    assert {mode for name, mode in modes.items() if "." in name[1:]} == {0o600}
    assert modes["."] == modes["000001"] == 0o700


def test_the_token_is_gone_once_the_gateway_is_registered(store: IdentityStore) -> None:
    generation = make(store)

    assert all(ISSUED.token.encode() not in path.read_bytes() for path in generation.folder.iterdir())
    assert generation.registration().thing == "gw-07"
    assert generation.registration().certificate_id == ISSUED.certificate_id


def test_an_interrupted_operation_is_gone_on_with(store: IdentityStore) -> None:
    with store.lock():
        store.keep_key(store.begin(), KEY)

    with store.lock():
        again = store.begin()

    assert (again.name, again.phase, again.key.read_bytes()) == ("000001", Phase.KEYED, KEY)


def test_a_new_generation_leaves_the_current_one_alone(store: IdentityStore) -> None:
    first = make(store)
    with store.lock():
        second = store.begin()
        store.keep_key(second, KEY)

    assert store.current() == first
    assert store.pending() == second


def test_only_a_whole_generation_can_be_current(store: IdentityStore) -> None:
    with store.lock():
        generation = store.begin()

        with pytest.raises(CredentialError, match="not whole"):
            store.switch(generation)


def test_a_pointer_to_what_is_no_identity_is_said(store: IdentityStore) -> None:
    generation = make(store)
    generation.certificate.unlink()

    with pytest.raises(CredentialError, match="points to 000001, which is not whole") as refused:
        store.current()

    assert "--force" in refused.value.mend


def test_the_version_changes_with_the_identity(store: IdentityStore) -> None:
    make(store)
    before = store.version()
    make(store)

    assert (before, store.version()) == ("000001", "000002")


def test_rolling_back_makes_the_one_before_current(store: IdentityStore) -> None:
    first, second = make(store), make(store)

    assert store.roll_back() == first
    assert store.current() == first
    assert store.pending() == second


def test_there_is_no_way_back_from_an_identity_that_was_in_use(store: IdentityStore) -> None:
    make(store)
    second = make(store)
    store.confirm()

    assert store.roll_back() is None
    assert store.current() == second


def test_there_is_nothing_to_roll_back_to_at_first(store: IdentityStore) -> None:
    assert store.roll_back() is None
    make(store)
    assert store.roll_back() is None


def test_a_former_generation_can_be_discarded_and_the_current_one_cannot(store: IdentityStore) -> None:
    first, second = make(store), make(store)

    with pytest.raises(CredentialError, match="is current"):
        store.discard(second)
    store.discard(first)

    assert store.generations() == (second,)
    assert not first.folder.exists()


def test_a_key_in_a_token_is_destroyed_with_its_generation(tmp_path: Path) -> None:
    destroyed: list[str | None] = []
    store = IdentityStore(tmp_path / "identity", forget=lambda gone: destroyed.append(gone.key_label()))
    with store.lock():
        generation = store.begin()
        store.keep_key_label(generation, "gw-000001")

        store.discard(generation)

    assert destroyed == ["gw-000001"]


def test_two_operations_at_once_are_refused(store: IdentityStore) -> None:
    with (
        store.lock(),
        pytest.raises(InUseError, match="being changed"),
        IdentityStore(store.folder).lock(),
    ):
        pass


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")

    with (
        pytest.raises(CredentialError, match="cannot be written"),
        IdentityStore(tmp_path / "file" / "identity").lock(),
    ):
        pass


def rotate_and_retire(store: IdentityStore) -> None:
    make(store)
    with store.lock():
        store.confirm()
        for former in store.former():
            store.discard(former)
        store.tidy()


def steps_of_a_rotation(folder: Path) -> int:
    make(IdentityStore(folder, QuickDisk()))
    disk = PowerCutDisk(at=-1)
    rotate_and_retire(IdentityStore(folder, disk))
    return disk.steps


@pytest.mark.parametrize("lose", [True, False], ids=["names lost", "names kept"])
def test_a_power_cut_at_any_step_leaves_an_identity_and_a_second_run_ends(tmp_path: Path, lose: bool) -> None:  # noqa: FBT001  a parameter of the test
    steps = steps_of_a_rotation(tmp_path / "whole")
    assert steps > 20

    for at in range(steps):
        folder = tmp_path / f"{at}"
        make(IdentityStore(folder, QuickDisk()))
        with pytest.raises(PowerCut):
            rotate_and_retire(IdentityStore(folder, PowerCutDisk(at, lose=lose)))

        after = IdentityStore(folder, QuickDisk())
        left = after.current()
        assert left is not None, at
        assert left.key.read_bytes() == KEY, at
        assert left.certificate.read_bytes() == ISSUED.certificate.encode(), at

        version = after.version()
        if version == "000001":
            rotate_and_retire(after)
        else:  # the switch was made: only retiring is left
            with after.lock():
                after.confirm()
                for former in after.former():
                    after.discard(former)
                after.tidy()
        assert [path.name for path in sorted(folder.iterdir())] == ["000002", "current"], at
        assert not list(folder.rglob("*.part")), at
