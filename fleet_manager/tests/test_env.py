"""The readers of the environment: they fail loudly and name the variable."""

from pathlib import Path

import pytest

from fleet_manager import env


@pytest.mark.parametrize("written", ["", "  "])
def test_a_variable_that_is_not_set_gives_the_default(monkeypatch, written):
    monkeypatch.setenv("PORT", written)

    assert env.integer("PORT", 8000) == 8000


def test_a_number_that_is_none_is_refused_by_name(monkeypatch):
    monkeypatch.setenv("PORT", "http")

    with pytest.raises(env.SettingError, match="PORT is 'http', which is not a whole number"):
        env.integer("PORT", 8000)


def test_a_number_out_of_range_is_refused_with_the_range(monkeypatch):
    monkeypatch.setenv("PORT", "70000")

    with pytest.raises(env.SettingError, match="PORT is 70000, but must be between 1 and 65535"):
        env.integer("PORT", 8000, least=1, most=65535)


def test_a_yes_or_no_is_read_in_words_and_digits(monkeypatch):
    for written, meant in {"1": True, "yes": True, "0": False, "Off": False}.items():
        monkeypatch.setenv("DEMO", written)
        assert env.boolean("DEMO", not meant) is meant


def test_anything_else_than_yes_or_no_is_refused(monkeypatch):
    monkeypatch.setenv("DEMO", "maybe")

    with pytest.raises(env.SettingError, match="DEMO is 'maybe'"):
        env.boolean("DEMO", True)


def test_a_choice_names_what_may_be_chosen(monkeypatch):
    monkeypatch.setenv("DJANGO_ENV", "prod")

    with pytest.raises(env.SettingError, match="not one of development, production"):
        env.choice("DJANGO_ENV", "development", among=("development", "production"))


def test_a_database_behind_a_unix_socket_is_understood(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://fleet@/fleet?host=/tmp/some%20where")

    found = env.database("DATABASE_URL", "")

    assert (found["HOST"], found["NAME"], found["USER"]) == ("/tmp/some where", "fleet", "fleet")


def test_a_database_address_keeps_password_port_and_options(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgres://u:p%40ss@db.example:5433/fleet?sslmode=require")

    found = env.database("DATABASE_URL", "")

    assert found["PASSWORD"] == "p@ss"
    assert found["PORT"] == "5433"
    assert found["OPTIONS"] == {"sslmode": "require"}


def test_a_refused_address_is_told_without_its_password(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "mysql://u:secret@db.example/fleet")

    with pytest.raises(env.SettingError) as refused:
        env.database("DATABASE_URL", "")

    assert "secret" not in str(refused.value)
    assert "DATABASE_URL" in str(refused.value)


def test_a_broker_behind_a_unix_socket_is_written_as_celery_wants_it(monkeypatch):
    monkeypatch.delenv("CELERY_BROKER_URL", raising=False)

    assert (
        env.broker("CELERY_BROKER_URL", "unix:///run/v.sock?db=3")
        == "redis+socket:///run/v.sock?virtual_host=3"
    )


def test_servers_are_named_as_a_policy_wants_them(monkeypatch):
    monkeypatch.setenv("MAP_HOSTS", "https://tiles.example:8443/path, https://map.example")
    style = "https://key@map.example/style.json?key=1"

    assert env.origins("MAP_HOSTS", style) == ["https://map.example", "https://tiles.example:8443"]


def test_what_is_no_server_is_refused(monkeypatch):
    monkeypatch.setenv("MAP_HOSTS", "tiles.example")

    with pytest.raises(env.SettingError, match=r"MAP_HOSTS.*tiles\.example"):
        env.origins("MAP_HOSTS")


def test_dotenv_fills_what_is_missing_and_leaves_what_is_set(monkeypatch, tmp_path: Path):
    monkeypatch.setenv("PORT", "9000")
    monkeypatch.delenv("NAME_OF_A_TEST", raising=False)
    monkeypatch.setenv("NAME_OF_A_TEST_2", "")
    monkeypatch.delenv("NAME_OF_A_TEST_2")
    (tmp_path / ".env").write_text(
        "# a note\nPORT=1\nexport NAME_OF_A_TEST='a b'\nNAME_OF_A_TEST_2=x # why\n"
    )

    env.load_dotenv(tmp_path / ".env")

    assert env.integer("PORT", 8000) == 9000
    assert env.text("NAME_OF_A_TEST") == "a b"
    assert env.text("NAME_OF_A_TEST_2") == "x"


def test_a_line_of_dotenv_that_says_nothing_is_refused_with_its_number(tmp_path: Path):
    (tmp_path / ".env").write_text("PORT=1\nnonsense\n")

    with pytest.raises(env.SettingError, match="line 2"):
        env.load_dotenv(tmp_path / ".env")


def test_the_secret_of_an_installation_is_made_once_and_private(tmp_path: Path):
    first = env.installation_secret(tmp_path)

    assert env.installation_secret(tmp_path) == first
    assert len(first) > 60
    assert (tmp_path / "secret_key").stat().st_mode & 0o077 == 0
    assert [path.name for path in tmp_path.iterdir()] == ["secret_key"]


@pytest.mark.parametrize("written", ["sink.internal:8080, 10.1.0.0/16", "[::1]:90", "10.0.0.1", ""])
def test_servers_inside_are_named_by_host_and_port_or_network(monkeypatch, written):
    monkeypatch.setenv("WEBHOOK_ALLOW", written)

    assert env.destinations("WEBHOOK_ALLOW") == [word.strip() for word in written.split(",") if word]


@pytest.mark.parametrize(
    "written", ["sink.internal", "sink:0", "sink:70000", ":80", "10.0.0.0/99", "10.0.0.1/8"]
)
def test_a_server_inside_without_a_port_is_refused_by_name(monkeypatch, written):
    monkeypatch.setenv("WEBHOOK_ALLOW", f"a:1, {written}")

    with pytest.raises(env.SettingError, match=r"WEBHOOK_ALLOW holds .*neither host:port nor a network"):
        env.destinations("WEBHOOK_ALLOW")
